"""What blocking cost: branches that stayed in doubt, what they held, who waited, and for whom the system still worked."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum, auto

from dtx.core.history import BLOCKED_AFTER_S, FieldValue, LockWait, Outcome, ProcessChange
from dtx.core.verdict import BlockedDatabase, BlockingSummary, KeyAvailability
from dtx.verify.branches import Branch, most_at_once
from dtx.verify.ledger import Ledger
from dtx.verify.operations import Operation
from dtx.verify.words import listed

Span = tuple[int, int]
Row = tuple[str, FieldValue]
"""A row that transactions contend for: its database, and its key."""

_DOWN = {
    ProcessChange.KILLED: "down",
    ProcessChange.DIED: "down",
    ProcessChange.STOPPED: "down",
    ProcessChange.PAUSED: "paused",
}
_UP = (ProcessChange.READY, ProcessChange.RESUMED)


class _Group(Enum):
    """What decided how a transaction fared that came while branches were in doubt."""

    UNSERVED = auto()
    """Something of the system was down."""
    TOUCHED = auto()
    """It needed a row that a branch in doubt of another held."""
    UNTOUCHED = auto()


def measure_blocking(ledger: Ledger) -> BlockingSummary | None:
    """Return what branches in doubt cost; None if none stayed so for long."""
    branches = ledger.blocking.branches
    if not branches:
        return None
    end_ns = ledger.timeline.end_ns
    begin_ns = min(branch.since_ns for branch in branches)
    until_ns = max(branch.until_ns(end_ns) for branch in branches)
    groups = _groups(ledger, (begin_ns, until_ns))
    waits = ledger.blocking.waits
    return BlockingSummary(
        at_least_s=BLOCKED_AFTER_S,
        branches=len(branches),
        transactions=len({branch.tx for branch in branches if branch.tx is not None}),
        unresolved=sum(branch.ended_ns is None for branch in branches),
        longest_s=_seconds(max(_durations(branches, end_ns))),
        rows=_most_rows(branches, end_ns),
        waits=len(waits),
        longest_wait_s=_longest(waits),
        begin_s=ledger.timeline.seconds(begin_ns),
        end_s=ledger.timeline.seconds(until_ns),
        causes=_causes(ledger, (begin_ns, until_ns)),
        databases=tuple(_databases(ledger)),
        unserved=_share(ledger, groups[_Group.UNSERVED]),
        touched=_share(ledger, groups[_Group.TOUCHED]),
        untouched=_share(ledger, groups[_Group.UNTOUCHED]),
        strangers=sum(branch.tx is None for branch in branches),
    )


def _databases(ledger: Ledger) -> Iterator[BlockedDatabase]:
    end_ns = ledger.timeline.end_ns
    for name in sorted({branch.participant for branch in ledger.blocking.branches}):
        branches = [b for b in ledger.blocking.branches if b.participant == name]
        waits = [wait for wait in ledger.blocking.waits if wait.participant == name]
        durations = sorted(_durations(branches, end_ns))
        yield BlockedDatabase(
            participant=name,
            branches=len(branches),
            median_s=_seconds(_quantile(durations, 50)),
            p99_s=_seconds(_quantile(durations, 99)),
            longest_s=_seconds(durations[-1]),
            rows=_most_rows(branches, end_ns),
            waits=len(waits),
            longest_wait_s=_longest(waits),
        )


def _durations(branches: Sequence[Branch], end_ns: int) -> list[int]:
    return [branch.until_ns(end_ns) - branch.since_ns for branch in branches]


def _most_rows(branches: Sequence[Branch], end_ns: int) -> int | None:
    """Return how many rows they held at most at once; None if no server told of any."""
    spans = [(b.since_ns, b.until_ns(end_ns), b.rows) for b in branches if b.rows is not None]
    return most_at_once(spans)[1] if spans else None


def _longest(waits: Sequence[LockWait]) -> float:
    return _seconds(max((wait.at_ns - wait.since_ns for wait in waits), default=0))


def _causes(ledger: Ledger, span: Span) -> dict[str, float]:
    """Return what was down or paused meanwhile, and for how long; if nothing was, which faults were on."""
    spans = [each for each in _absences(ledger) if _overlap((each[1], each[2]), span)]
    if not spans:
        spans = [
            (
                f"{window.plan.name} of {listed(window.targets)} was on",
                window.begin_ns,
                window.end_ns,
            )
            for window in ledger.timeline.windows
            if window.overlaps(*span)
        ]
    found: dict[str, int] = {}
    for words, begin_ns, end_ns in spans:
        found[words] = found.get(words, 0) + end_ns - begin_ns
    return {words: _seconds(taken_ns) for words, taken_ns in found.items()}


def _absences(ledger: Ledger) -> Iterator[tuple[str, int, int]]:
    """Yield when each node was down or paused: "tm was down", from, until."""
    down: dict[str, tuple[str, int]] = {}
    for event in ledger.timeline.processes:
        if event.change in _UP and event.node in down:
            yield (*down.pop(event.node), event.at_ns)
        elif event.change in _DOWN and event.node not in down:
            down[event.node] = (f"{event.node} was {_DOWN[event.change]}", event.at_ns)
    for words, since_ns in down.values():
        yield words, since_ns, ledger.timeline.end_ns


def _groups(ledger: Ledger, span: Span) -> Mapping[_Group, Sequence[Operation]]:
    """Sort those that were under way, for as long as their client would wait, while any branch was in doubt.

    The transactions of these branches are in no group.
    """
    locked = _locked_rows(ledger)
    absent = [(begin, end) for _, begin, end in _absences(ledger) if _overlap((begin, end), span)]
    victims = {branch.tx for branch in ledger.blocking.branches}
    anywhere = [_held(ledger, branch) for branch in ledger.blocking.branches]
    groups: dict[_Group, list[Operation]] = {group: [] for group in _Group}
    for operation in ledger.operations.values():
        while_waiting = _span(ledger, operation)
        if operation.tx in victims or not _meets(while_waiting, anywhere):
            continue
        if _meets(while_waiting, absent):
            groups[_Group.UNSERVED].append(operation)
        elif ledger.client.keys:
            needed = [span for row in _rows(ledger, operation) for span in locked.get(row, ())]
            is_touched = _meets(while_waiting, needed)
            groups[_Group.TOUCHED if is_touched else _Group.UNTOUCHED].append(operation)
    return groups


def _locked_rows(ledger: Ledger) -> Mapping[Row, Sequence[Span]]:
    """Return when each row was held by a branch in doubt."""
    found: dict[Row, list[Span]] = {}
    for branch in ledger.blocking.branches:
        operation = ledger.operations.get(branch.tx or "")
        if operation is None:
            continue
        for row in _rows(ledger, operation):
            if row[0] == branch.participant:
                found.setdefault(row, []).append(_held(ledger, branch))
    return found


def _rows(ledger: Ledger, operation: Operation) -> Iterator[Row]:
    for database, fields in ledger.client.keys.items():
        for field in fields:
            if field in operation.value:
                yield database, operation.value[field]


def _span(ledger: Ledger, operation: Operation) -> Span:
    given_up_ns = operation.intended_ns + int(ledger.client.timeout_s * 1e9)
    return operation.invoked_ns, min(operation.until_ns(ledger.timeline.end_ns), given_up_ns)


def _share(ledger: Ledger, operations: Sequence[Operation]) -> KeyAvailability | None:
    if not operations:
        return None
    limit_ns = int(ledger.client.timeout_s * 1e9)
    in_time = [
        operation.outcome
        for operation in operations
        if operation.completed_ns is not None
        and operation.completed_ns - operation.intended_ns <= limit_ns
    ]
    return KeyAvailability(
        submitted=len(operations),
        ok=in_time.count(Outcome.OK),
        fail=in_time.count(Outcome.FAIL),
    )


def _held(ledger: Ledger, branch: Branch) -> Span:
    return branch.since_ns, branch.until_ns(ledger.timeline.end_ns)


def _meets(span: Span, others: Iterable[Span]) -> bool:
    return any(_overlap(span, other) for other in others)


def _overlap(one: Span, other: Span) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _quantile(ordered: Sequence[int], percent: int) -> int:
    """Return the nearest-rank percentile: a value that was really measured."""
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(rank, 1) - 1]


def _seconds(time_ns: int) -> float:
    return round(time_ns / 1e9, 3)
