"""What the run really tried: for each fault window, the transactions that it met and how far they were."""

from collections import Counter
from collections.abc import Sequence

from dtx.core.history import FaultEvent
from dtx.core.schedule import Proof
from dtx.core.verdict import WindowCoverage
from dtx.verify.landing import judge_landing
from dtx.verify.ledger import Ledger
from dtx.verify.operations import Operation
from dtx.verify.timeline import FaultWindow

_HOLDING = frozenset({Proof.SILENCE, Proof.UNANSWERED})


def measure_coverage(ledger: Ledger) -> tuple[WindowCoverage, ...]:
    """Return one entry for each window of the schedule, landed or not."""
    return tuple(_measure(ledger, window) for window in ledger.timeline.windows)


def _measure(ledger: Ledger, window: FaultWindow) -> WindowCoverage:
    landing = judge_landing(window)
    met = _met(ledger, window)
    timeline = ledger.timeline
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
        applied_at_injection=_applied_at(ledger, met, window.begin_ns),
        **_traffic(window.plan.proof, window.healed),
    )


def _met(ledger: Ledger, window: FaultWindow) -> list[Operation]:
    end_ns = ledger.timeline.end_ns
    return [
        operation
        for operation in ledger.operations.values()
        if window.overlaps(operation.invoked_ns, operation.until_ns(end_ns))
    ]


def _applied_at(ledger: Ledger, met: Sequence[Operation], at_ns: int) -> dict[str, int]:
    """Count the steps that had taken effect at `at_ns`, of the transactions that it met."""
    steps: Counter[str] = Counter()
    for operation in met:
        for tally in ledger.tallies.get(operation.tx, ()):
            applied_ns = ledger.timeline.from_wall(tally.applied_at_ns)
            if applied_ns is not None and applied_ns <= at_ns:
                steps[f"{tally.participant}.{tally.step}"] += 1
    return dict(sorted(steps.items()))


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
