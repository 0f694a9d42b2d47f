"""The schedule as a bar: where the faults are on, and a mark where the run is now."""

from rich.text import Text

from dtx.core.schedule import Schedule
from dtx.report import colours

ON, OFF, MARK = "#", "-", "|"
"""Plain characters, so that the bar reads the same without colours."""

NARROWEST, WIDEST = 10, 60
_FIGURES_CELLS = len("1.23 s, p99 1.23 s")
"""What stands behind the latencies, which are drawn below the bar, cell by cell."""


def schedule_bar(schedule: Schedule, at_s: float | None, width: int) -> Text:
    """Return e.g. `0 s ---####|###--- 10 s  partition`.

    Args:
        schedule: the windows.
        at_s: seconds since the main phase began; None before it.
        width: of the terminal, in characters.
    """
    end, names = _end(schedule), _names(schedule)
    cells = bar_cells(schedule, width)
    mark = None if at_s is None else min(int(at_s / schedule.duration_s * cells), cells - 1)
    bar = Text("0 s ")
    for cell in range(cells):
        is_on = _is_on(schedule, (cell + 0.5) / cells * schedule.duration_s)
        style = colours.FAULT if is_on else colours.QUIET
        if cell == mark:
            bar.append(MARK, style="bold")
        else:
            bar.append(ON if is_on else OFF, style=style)
    bar.append(end)
    bar.append(f"  {names}", style=colours.FAULT if schedule.windows else colours.QUIET)
    bar.no_wrap, bar.overflow = True, "ellipsis"
    return bar


def bar_cells(schedule: Schedule, width: int) -> int:
    """Return how many cells of a terminal's width the bar itself takes, behind its `0 s `."""
    room = width - max(len(_end(schedule)) + len(_names(schedule)), _FIGURES_CELLS) - 8
    return max(NARROWEST, min(WIDEST, room))


def _end(schedule: Schedule) -> str:
    return f" {schedule.duration_s:g} s"


def _names(schedule: Schedule) -> str:
    return "+".join(dict.fromkeys(window.name for window in schedule.windows)) or "no fault"


def _is_on(schedule: Schedule, at_s: float) -> bool:
    return any(window.at_s <= at_s < window.until_s for window in schedule.windows)
