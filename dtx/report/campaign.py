"""Campaigns on a terminal: the tables at the end."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dtx.core.campaign import (
    CellResult,
    MatrixFinished,
    SelftestFinished,
    SelftestRow,
)
from dtx.core.exit_codes import ExitCode
from dtx.report import colours
from dtx.report.wording import clean, count, listed, seconds


def matrix_table(finished: MatrixFinished) -> RenderableType:
    """Return one row for each system under each fault, and the cells that call for a look."""
    table = _table("system", "fault", "runs", "landed", "holds", "violated", "unknown", "failed", "median")  # fmt: skip
    for row in finished.rows:
        table.add_row(
            row.subject_name, row.fault, str(row.cells), str(row.landed), str(row.holds),
            _count(row.violated, colours.FAULT), _count(row.unknown, colours.UNSURE),
            _count(row.failed, colours.UNSURE), seconds(row.median_s),
        )  # fmt: skip
    odd = [r for r in finished.results if r.exit_code is not ExitCode.HOLDS]
    return Group(
        table,
        *_skipped(finished),
        *_folders(odd),
        _headline(finished.exit_code, len(finished.results)),
    )


def selftest_table(finished: SelftestFinished) -> RenderableType:
    """Return one row for each variant and reference under each fault, and the runs that missed."""
    table = _table("system", "fault", "expected", "runs", "landed", "as expected", "")
    for row in finished.rows:
        result = (
            Text("passed", style=colours.GOOD)
            if row.is_passed
            else Text("MISSED", style=colours.FAULT)
        )
        table.add_row(
            row.subject_name, row.fault, listed(row.expected) or "holds",
            str(row.cells), str(row.landed), str(row.as_expected), result,
        )  # fmt: skip
    others = [
        Text(f"{row.subject_name} x {row.fault}: {times} x {clean(words)}", style=colours.UNSURE)
        for row in finished.rows
        for words, times in row.others.items()
    ]
    odd = [r for row in finished.rows if not row.is_passed for r in _unexpected(row, finished)]
    # A variant that is convicted as expected is violated, and all is well.
    words = {ExitCode.HOLDS: "PASSED", ExitCode.VIOLATED: "MISSED"}.get(finished.exit_code)
    return Group(
        table,
        *others,
        *_folders(odd),
        _headline(finished.exit_code, len(finished.results), words),
    )


def _unexpected(row: SelftestRow, finished: SelftestFinished) -> list[CellResult]:
    """Return the runs of a row that came out otherwise than it expects."""
    mine = [
        r for r in finished.results if (r.cell.subject, r.cell.fault) == (row.subject, row.fault)
    ]
    if row.expected:
        return [r for r in mine if r.violated != row.expected]
    return [r for r in mine if r.exit_code is not ExitCode.HOLDS]


def _table(*columns: str) -> Table:
    table = Table(box=None, show_edge=False, pad_edge=False, header_style=colours.QUIET)
    for name in columns:
        is_words = name in {"system", "fault", "expected", ""}
        table.add_column(name, justify="left" if is_words else "right", overflow="fold")
    return table


def _count(number: int, style: str) -> Text:
    return Text(str(number), style=style if number else "")


def _skipped(finished: MatrixFinished) -> list[Text]:
    return [
        Text(
            f"{one.subject_name} x {one.fault}: skipped: {clean(one.reason)}", style=colours.UNSURE
        )
        for one in finished.skipped
    ]


def _folders(results: list[CellResult], *, at_most: int = 10) -> list[Text]:
    lines = [
        Text(f"{clean(r.cell.name)}: {r.folder or 'no run folder'}", style=colours.QUIET)
        for r in results
    ]
    more = len(lines) - at_most
    return lines[:at_most] + ([Text(f"and {more} more", style=colours.QUIET)] if more > 0 else [])


def _headline(code: ExitCode, cells: int, words: str | None = None) -> Text:
    style = {ExitCode.HOLDS: f"bold {colours.GOOD}", ExitCode.VIOLATED: colours.FAULT}.get(
        code, f"bold {colours.UNSURE}"
    )
    return Text(f"{words or code.name}, {count(cells, 'run')}", style=style)
