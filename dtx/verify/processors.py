"""How much of the machine a run was not given."""

from collections.abc import Sequence

from dtx.core.history import ProcessorUse


def foreign_share(uses: Sequence[ProcessorUse], begin_ns: int, end_ns: int) -> float:
    """Return the part of the processors' time from `begin_ns` to `end_ns` that other programs had.

    0.0 where nothing was recorded: who has no excuse to show has none.
    """
    foreign_s = had_s = 0.0
    for use in uses:
        lasted_ns = use.at_ns - use.since_ns
        within_ns = min(use.at_ns, end_ns) - max(use.since_ns, begin_ns)
        if within_ns > 0:
            foreign_s += use.foreign_s * within_ns / lasted_ns
            had_s += use.processors * within_ns / 1e9
    return min(1.0, foreign_s / had_s) if had_s else 0.0
