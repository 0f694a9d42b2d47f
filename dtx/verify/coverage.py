"""What the run really tried: for each fault window, the transactions that it met and how far they were."""

from collections import Counter
from collections.abc import Sequence

from dtx.core.history import FaultEvent, Outcome, ProcessChange
from dtx.core.schedule import Proof
from dtx.core.verdict import Progress, WindowCoverage
from dtx.verify.landing import judge_landing
from dtx.verify.ledger import Ledger
from dtx.verify.operations import Operation
from dtx.verify.timeline import FaultWindow
from dtx.verify.words import end_words

_NOTED_WITHIN_NS = 500_000_000
"""That a worker killed itself is noted no later than this."""

_HOLDING = frozenset({Proof.SILENCE, Proof.UNANSWERED})


def measure_coverage(ledger: Ledger) -> tuple[WindowCoverage, ...]:
    """Return one entry for each window of the schedule, landed or not."""
    return tuple(_measure(ledger, window) for window in ledger.timeline.windows)


def _measure(ledger: Ledger, window: FaultWindow) -> WindowCoverage:
    landing = judge_landing(window)
    met = _met(ledger, window)
    timeline = ledger.timeline
    crashed_ns = _crashed_ns(ledger, window)
    outcomes = Counter(operation.outcome.value for operation in met)
    return WindowCoverage(
        window=window.plan.index,
        fault=window.plan.name,
        targets=window.targets,
        at_s=timeline.seconds(window.begin_ns) if window.injected else window.plan.at_s,
        until_s=timeline.seconds(window.end_ns) if window.healed else window.plan.until_s,
        has_landed=landing.has_landed,
        reason=landing.reason,
        met=len(met),
        in_flight_at_injection=window.injected.in_flight if window.injected else 0,
        met_by_outcome=dict(sorted(outcomes.items())),
        waiters=sum(node.waiters for node in window.healed.nodes) if window.healed else 0,
        crashed_at_s=None if crashed_ns is None else timeline.seconds(crashed_ns),
        crashed={tx: end_words(ledger, tx) for tx in _crashed(window)},
        under_way=_under_way(
            ledger, met, window, window.begin_ns if crashed_ns is None else crashed_ns
        ),
        **_traffic(window.plan.proof, window.healed),
    )


def _met(ledger: Ledger, window: FaultWindow) -> list[Operation]:
    end_ns = ledger.timeline.end_ns
    return [
        operation
        for operation in ledger.operations.values()
        if window.overlaps(operation.invoked_ns, operation.until_ns(end_ns))
    ]


def _crashed_ns(ledger: Ledger, window: FaultWindow) -> int | None:
    """Return when the first worker killed itself at the window's crash point; None if none did, or it has none."""
    if window.plan.proof is not Proof.CRASH:
        return None
    noted_ns = next(
        (
            event.at_ns
            for event in ledger.timeline.processes
            if event.change is ProcessChange.KILLED
            and event.node in window.targets
            and window.begin_ns <= event.at_ns <= window.end_ns
        ),
        None,
    )
    if noted_ns is None:
        return None
    # A client may see its connection break before it is noted what became of the worker.
    victims = [ledger.operations[tx] for tx in _crashed(window) if tx in ledger.operations]
    ends = [victim.completed_ns for victim in victims if victim.outcome is Outcome.INFO]
    since_ns = max(window.begin_ns, noted_ns - _NOTED_WITHIN_NS)
    broken = [at_ns for at_ns in ends if at_ns is not None and at_ns >= since_ns]
    return min((noted_ns, *broken))


def _crashed(window: FaultWindow) -> Sequence[str]:
    """Return the transactions for which a worker killed itself."""
    nodes = () if window.healed is None else window.healed.nodes
    return [node.tx for node in nodes if node.is_crash_reached and node.tx is not None]


def _under_way(
    ledger: Ledger, met: Sequence[Operation], window: FaultWindow, at_ns: int
) -> tuple[Progress, ...]:
    """Sort the transactions that were under way at a moment by how far they had come, the least far first."""
    if not (window.was_on and ledger.has_observations):
        return ()
    groups: dict[frozenset[str], list[Operation]] = {}
    orders: dict[frozenset[str], tuple[str, ...]] = {}
    for operation in met:
        if operation.invoked_ns <= at_ns <= operation.until_ns(ledger.timeline.end_ns):
            steps = _applied_by(ledger, operation.tx, at_ns)
            groups.setdefault(frozenset(steps), []).append(operation)
            orders.setdefault(frozenset(steps), steps)
    return tuple(
        Progress(
            applied=orders[steps],
            transactions=len(group),
            ended=dict(sorted(Counter(operation.outcome.value for operation in group).items())),
            committed=sum(ledger.is_committed(operation.tx) for operation in group),
        )
        for steps, group in sorted(groups.items(), key=lambda item: (len(item[0]), sorted(item[0])))
    )


def _applied_by(ledger: Ledger, tx: str, at_ns: int) -> tuple[str, ...]:
    """Return the steps that had taken effect at `at_ns`, in the order in which they did."""
    found: list[tuple[int, str]] = []
    for tally in ledger.tallies.get(tx, ()):
        applied_ns = ledger.timeline.from_wall(tally.applied_at_ns)
        undone_ns = ledger.timeline.from_wall(tally.undone_at_ns)
        if applied_ns is not None and applied_ns <= at_ns:
            is_over = undone_ns is not None and undone_ns <= at_ns
            name = f"{tally.participant}.{tally.step}"
            found.append((applied_ns, f"{name} undone" if is_over else name))
    return tuple(name for _, name in sorted(found))


def _traffic(proof: Proof, healed: FaultEvent | None) -> dict[str, int]:
    if healed is None:
        return {}
    held = sum(link.request_bytes for link in healed.links) if proof in _HOLDING else 0
    held += sum(node.held_bytes for node in healed.nodes)
    return {
        "held_bytes": held,
        "dropped_bytes": sum(
            link.dropped_request_bytes + link.dropped_reply_bytes for link in healed.links
        ),
        "connections": sum(link.connections for link in healed.links)
        + sum(node.connections for node in healed.nodes),
    }
