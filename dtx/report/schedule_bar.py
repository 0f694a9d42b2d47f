"""The schedule as a bar: where the faults are on, and a mark where the run is now."""

from rich.text import Text

from dtx.core.schedule import Schedule
from dtx.report import colours

ON, OFF, MARK = "#", "-", "|"
"""Plain characters, so that the bar reads the same without colours."""

NARROWEST, WIDEST = 10, 60


def schedule_bar(schedule: Schedule, at_s: float | None, width: int) -> Text:
    """Return e.g. `0 s ---####|###--- 10 s  partition`.

    Args:
        schedule: the windows.
        at_s: seconds since the main phase began; None before it.
        width: of the terminal, in characters.
    """
    end = f" {schedule.duration_s:g} s"
    names = "+".join(dict.fromkeys(window.name for window in schedule.windows)) or "no fault"
    cells = max(NARROWEST, min(WIDEST, width - len(end) - len(names) - 8))
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


def _is_on(schedule: Schedule, at_s: float) -> bool:
    return any(window.at_s <= at_s < window.until_s for window in schedule.windows)
