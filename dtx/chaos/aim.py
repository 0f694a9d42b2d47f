"""After the warm-up: which links of each window are hurt, now that it is known who carries traffic."""

from collections.abc import Collection, Mapping

import msgspec

from dtx.chaos.overlap import is_decided, overlapping
from dtx.core.ports import LinkTraffic
from dtx.core.schedule import Schedule, Window


def qualify(
    window: Window,
    before: Mapping[str, LinkTraffic],
    after: Mapping[str, LinkTraffic],
    taken: Collection[str] = (),
) -> tuple[str, ...]:
    """Return the targets that the window hurts: the first `take` that qualify and are not `taken`.

    Args:
        window: with its candidates ranked by the seed.
        before: traffic of every link before the warm-up.
        after: traffic of every link after it.
        taken: targets that another window hurts at the same time.

    Returns:
        All that qualify if `take` is 0; fewer than `take`, or none, if no more qualify.
    """
    fit = [t for t in window.targets if t not in taken]
    if window.needs_traffic:
        fit = [t for t in fit if _carried(t, before, after)]
    return tuple(fit[: window.take] if window.take else fit)


def aimed(
    schedule: Schedule, before: Mapping[str, LinkTraffic], after: Mapping[str, LinkTraffic]
) -> Schedule:
    """Return the schedule with the targets of every window decided; a window may be left with none."""
    windows = {w.index: w for w in schedule.windows if is_decided(w)}
    for window in schedule.windows:
        if window.index not in windows:
            taken = {t for o in overlapping(window, windows.values()) for t in o.targets}
            targets = qualify(window, before, after, taken)
            windows[window.index] = msgspec.structs.replace(
                window, targets=targets, take=0, needs_traffic=False
            )
    return msgspec.structs.replace(
        schedule, windows=tuple(windows[w.index] for w in schedule.windows)
    )


def _carried(
    link: str, before: Mapping[str, LinkTraffic], after: Mapping[str, LinkTraffic]
) -> bool:
    earlier = before[link].request_bytes if link in before else 0
    return link in after and after[link].request_bytes > earlier
