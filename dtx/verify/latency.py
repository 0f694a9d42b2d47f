"""Latency before, during and after the faults, from the moment at which the open loop meant to submit."""

from collections.abc import Sequence

from dtx.core.history import Outcome
from dtx.core.verdict import LatencySummary
from dtx.verify.ledger import Ledger
from dtx.verify.operations import Operation
from dtx.verify.timeline import FaultWindow

BEFORE, DURING, AFTER, ALL = "before", "during", "after", "all"


def summarise_latency(ledger: Ledger) -> dict[str, LatencySummary]:
    """Return the parts of the main phase that have completed operations; `all` in a run without faults.

    An operation belongs to `during` if a fault was on at some moment between its intended start and its
    end, else to `before` if it ended before the first fault.
    """
    windows = [window for window in ledger.timeline.windows if window.was_on]
    first_ns = min((window.begin_ns for window in windows), default=0)
    parts: dict[str, list[Operation]] = {part: [] for part in (BEFORE, DURING, AFTER, ALL)}
    begin_ns, end_ns = ledger.timeline.main_ns, ledger.timeline.main_end_ns
    for operation in ledger.operations.values():
        if begin_ns <= operation.invoked_ns < end_ns:
            parts[_part(operation, windows, first_ns)].append(operation)
    found = {part: _summary(operations) for part, operations in parts.items()}
    return {part: summary for part, summary in found.items() if summary is not None}


def _part(operation: Operation, windows: Sequence[FaultWindow], first_ns: int) -> str:
    if not windows:
        return ALL
    if operation.completed_ns is None:
        return AFTER  # counted nowhere: it has no latency
    if any(w.overlaps(operation.intended_ns, operation.completed_ns) for w in windows):
        return DURING
    return BEFORE if operation.completed_ns < first_ns else AFTER


def _summary(operations: Sequence[Operation]) -> LatencySummary | None:
    taken_ns = sorted(
        operation.completed_ns - operation.intended_ns
        for operation in operations
        if operation.completed_ns is not None
    )
    if not taken_ns:
        return None
    return LatencySummary(
        count=len(taken_ns),
        ok=sum(operation.outcome is Outcome.OK for operation in operations),
        median_ms=_quantile_ms(taken_ns, 50),
        p99_ms=_quantile_ms(taken_ns, 99),
        max_ms=_quantile_ms(taken_ns, 100),
    )


def _quantile_ms(ordered_ns: Sequence[int], percent: int) -> float:
    """Return the nearest-rank percentile: a value that was really measured."""
    rank = -(-len(ordered_ns) * percent // 100)
    return round(ordered_ns[max(rank, 1) - 1] / 1e6, 3)
