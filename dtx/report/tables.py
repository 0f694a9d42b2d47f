"""The tables of a report: what each invariant came to, and latency before, during and after the faults."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from dtx.core.verdict import CheckResult, LatencySummary, Status, Verdict
from dtx.report import colours
from dtx.report.wording import clean, milliseconds

_TWO_COLUMNS: Final = 76
_PARTS: Final = ("before", "during", "after", "all")
_UNITS: Final[Mapping[str, tuple[str, str]]] = {
    "atomicity": ("transaction", "transactions"),
    "durability": ("acknowledged", "acknowledged"),
    "no-phantom": ("refused, row", "refused, rows"),
    "exactly-once": ("step", "steps"),
    "compensation": ("undone step", "undone steps"),
    "conservation": ("value compared", "values compared"),
    "isolation": ("read", "reads"),
    "convergence": ("transaction", "transactions"),
    "residue": ("count", "counts"),
    "death": ("process", "processes"),
    "vacuity": ("fault window", "fault windows"),
}
"""What the number judged counts, of one and of several; a checker that is not here just has its number."""


def bare_table(*columns: str, right: tuple[int, ...] = ()) -> Table:
    """Return a table without lines, its first column two spaces in."""
    table = Table(box=None, show_edge=False, pad_edge=False, header_style=colours.QUIET)
    for index, name in enumerate(columns):
        table.add_column(
            ("  " if index == 0 else "") + name,
            justify="right" if index in right else "left",
            no_wrap=index < len(columns) - 1,
        )
    return table


def invariants(verdict: Verdict) -> Table:
    """Return one row for each checker."""
    table = bare_table("invariant", "status", "judged", "", right=(2,))
    for check in _worth_telling(verdict):
        table.add_row(
            f"  {check.checker}",
            _status(check),
            f"{check.judged:,}",
            Text(_note(check), style=colours.QUIET),
        )
    return table


def _worth_telling(verdict: Verdict) -> list[CheckResult]:
    """Leave out the isolation that nobody claims and no reader could have looked at."""
    return [
        check
        for check in verdict.checks
        if check.checker != "isolation" or check.is_claimed or verdict.readers
    ]


def _unit(check: CheckResult) -> str:
    one, several = _UNITS.get(check.checker, ("", ""))
    return one if check.judged == 1 else several


class InvariantsInShort:
    """What was judged when all of it holds: two checkers on a line where there is room."""

    def __init__(self, verdict: Verdict) -> None:
        self._cells = [
            (
                f"  {check.checker}",
                f"{check.judged:,}",
                _unit(check) + ("" if check.is_claimed else ", not claimed"),
            )
            for check in _worth_telling(verdict)
        ]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        columns = 2 if options.max_width >= _TWO_COLUMNS else 1
        rows = -(-len(self._cells) // columns)
        table = Table.grid(padding=(0, 1))
        for _ in range(columns):
            table.add_column(no_wrap=True)
            table.add_column(no_wrap=True, justify="right")
            table.add_column(no_wrap=True, style=colours.QUIET)
        for row in range(rows):
            table.add_row(*(word for cell in self._cells[row::rows] for word in cell))
        yield table


def latencies(verdict: Verdict) -> Table:
    """Return one row for each part of the main phase; `ended` counts every end, unknown ones too."""
    table = bare_table("latency", "ended", "ok", "median", "p99", "slowest", right=(1, 2, 3, 4, 5))
    for part in _PARTS:
        summary = verdict.latency.get(part)
        if summary is not None:
            table.add_row(f"  {_part(part)}", *_figures(summary))
    return table


def _figures(summary: LatencySummary) -> tuple[str, ...]:
    times = (summary.median_ms, summary.p99_ms, summary.max_ms)
    return (f"{summary.count:,}", f"{summary.ok:,}", *(milliseconds(t) for t in times))


def _part(part: str) -> str:
    return "main phase" if part == "all" else f"{part} the fault"


def _status(check: CheckResult) -> Text:
    if not check.is_claimed:
        return Text(f"{check.status.value}, not claimed", style=colours.QUIET)
    return Text(check.status.value, style=colours.of_status(check.status))


def _note(check: CheckResult) -> str:
    if check.is_claimed and check.status is not Status.HOLDS:
        return ""  # told in full elsewhere
    return _unit(check)


def listing(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return a plain table of cleaned text, its last column wrapped where the terminal ends."""
    table = Table(box=None, show_edge=False, pad_edge=False, header_style=colours.QUIET)
    for index, name in enumerate(columns):
        table.add_column(name, no_wrap=index == 0, overflow="fold")
    for row in rows:
        table.add_row(*(Text(clean(cell)) for cell in row))
    return table


def unwrapped_listing(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, gap: int = 1
) -> Iterator[Text]:
    """Yield a table line by line, its last column as long as it is: to print without wrapping.

    `gap` is the blanks between two columns.
    """
    lines = [list(columns), *([clean(cell) for cell in row] for row in rows)]
    widths = [max(cell_len(line[n]) for line in lines) for n in range(len(columns) - 1)]
    for number, line in enumerate(lines):
        cells = [set_cell_size(cell, width) for cell, width in zip(line, widths, strict=False)]
        yield Text((" " * gap).join([*cells, line[-1]]), style="" if number else colours.QUIET)
