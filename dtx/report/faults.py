"""What each fault window did: what was hurt and when, whether it landed, and which transactions it met."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dtx.core.schedule import Omission
from dtx.core.verdict import Progress, Verdict, WindowCoverage
from dtx.report import colours
from dtx.report.tables import bare_table
from dtx.report.wording import clean, count, listed, seconds, size

_ENDED = {"ok": "ok", "fail": "refused", "info": "unknown"}
_TABLES = 3
"""A fault that comes again and again would fill the screen; verdict.json has the table of every window."""
_ROWS = 8


def fault_lines(verdict: Verdict) -> Iterator[RenderableType]:
    """Yield a few lines for each window, and for the first ones a table of how far transactions were.

    One line for a run without faults.
    """
    if not (verdict.coverage or verdict.omitted):
        yield Text("  none")
    for number, window in enumerate(verdict.coverage):
        yield Padding(fault_line(window), (0, 0, 0, 2))
        ends = (f"{tx}: {end}" for tx, end in window.crashed.items())
        for words in filter(None, (window.reason, *ends, _bytes(window), _met(window))):
            yield Padding(Text(clean(words)), (0, 0, 0, 4))
        if window.under_way and number < _TABLES:
            yield Padding(_progress(window.under_way), (0, 0, 0, 4))
    for omission in verdict.omitted:
        yield Padding(_omission(omission), (0, 0, 0, 2))


def _omission(omission: Omission) -> Text:
    line = Text()
    line.append(clean(omission.fault), style=colours.FAULT)
    line.append(f", from {seconds(omission.at_s)} to {seconds(omission.until_s)}: ")
    line.append("did not come", style=f"bold {colours.UNSURE}")
    return line.append(f", by chance (p={omission.chance:g}); this run says nothing of it")


def fault_line(window: WindowCoverage) -> Text:
    """Return what was hurt, from when to when it really was, and whether it landed."""
    line = Text()
    line.append(clean(window.fault), style=colours.FAULT)
    line.append(
        f" of {clean(listed(window.targets)) or 'nothing'}, "
        f"from {seconds(window.at_s)} to {seconds(window.until_s)}: "
    )
    if window.has_landed:
        line.append("landed", style=colours.GOOD)
    else:
        line.append("did not land", style=f"bold {colours.UNSURE}")
    return line


def _bytes(window: WindowCoverage) -> str:
    kinds = ((window.held_bytes, "held"), (window.dropped_bytes, "dropped"))
    told = [f"{size(number)} {word}" for number, word in kinds if number]
    if not told:
        return ""
    return f"{', '.join(told)}, {count(window.connections, 'connection')} open when it began"


def _met(window: WindowCoverage) -> str:
    outcomes = [
        f"{window.met_by_outcome[key]:,} {word}"
        for key, word in _ENDED.items()
        if key in window.met_by_outcome
    ]
    ended = f", which ended {', '.join(outcomes)}" if outcomes else ""
    # By the clients' own entries; what the driver counted at injection may be off by one that just ended.
    number = sum(progress.transactions for progress in window.under_way)
    number = number or window.in_flight_at_injection
    when = "when it began"
    if window.crashed_at_s is not None and window.under_way:
        when = f"at the crash, at {window.crashed_at_s:.2f} s"
    under_way = f"; {number:,} under way {when}" if number else ""
    return f"met {count(window.met, 'transaction')}{ended}{under_way}"


def _progress(under_way: Sequence[Progress]) -> Table:
    """Return what had taken effect when the fault began, for how many transactions, and how these ended."""
    table = bare_table(
        "applied by then",
        "transactions",
        *_ENDED.values(),
        "stand in the end",
        right=(1, 2, 3, 4, 5),
    )
    # Of a narrow terminal the names take a second line; the numbers are never cut.
    table.columns[0].no_wrap, table.columns[0].overflow = False, "fold"
    shown = under_way if len(under_way) <= _ROWS else under_way[: _ROWS - 1]
    for progress in shown:
        table.add_row(*_cells(clean(", ".join(progress.applied)) or "nothing yet", [progress]))
    if rest := under_way[len(shown) :]:
        table.add_row(*_cells(f"{len(rest)} other ways, in verdict.json", rest))
    return table


def _cells(name: str, group: Sequence[Progress]) -> tuple[RenderableType, ...]:
    ended = (sum(progress.ended.get(key, 0) for progress in group) for key in _ENDED)
    return (
        Padding(Text(name), (0, 0, 0, 2)),
        f"{sum(progress.transactions for progress in group):,}",
        *(f"{number:,}" for number in ended),
        f"{sum(progress.committed for progress in group):,}",
    )
