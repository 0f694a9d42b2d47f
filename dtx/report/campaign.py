"""Campaigns on a terminal: a progress bar with the time that is left, one line a cell, and the tables at the end."""

from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from dtx.core.campaign import (
    CampaignStarted,
    CellFinished,
    CellResult,
    CellStarted,
    MatrixFinished,
    MatrixRow,
    SelftestFinished,
    SelftestRow,
    Skipped,
)
from dtx.core.exit_codes import ExitCode
from dtx.report import colours
from dtx.report.wording import clean, listed, seconds

CellEvent = CampaignStarted | CellStarted | CellFinished


class CampaignReporter(Protocol):
    """Shows cells as they come; a context manager, since some hold the terminal."""

    def see(self, event: CellEvent) -> None:
        """Take the next event."""

    def __enter__(self) -> "CampaignReporter": ...

    def __exit__(self, *_: object) -> None: ...


class NoCampaignProgress:
    """Shows nothing."""

    def see(self, event: CellEvent) -> None:
        """Take the event and stay silent."""

    def __enter__(self) -> "NoCampaignProgress":
        return self

    def __exit__(self, *_: object) -> None:
        pass


class CampaignProgress:
    """One line for each cell that ended, and on a terminal a bar below them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._total = 0
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("", total=None)

    def __enter__(self) -> "CampaignProgress":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def see(self, event: CellEvent) -> None:
        """Show the event."""
        if isinstance(event, CampaignStarted):
            self._total = len(event.cells)
            self._progress.update(self._task, total=self._total)
        elif isinstance(event, CellStarted):
            self._progress.update(self._task, description=clean(event.cell.name))
        else:
            self._progress.update(self._task, completed=event.number)
            line = Text(f"{event.number}/{self._total} {clean(event.result.cell.name)}: ")
            self._console.print(line.append_text(_outcome(event.result)), soft_wrap=True)


def matrix_table(finished: MatrixFinished) -> RenderableType:
    """Return one row for each system under each fault, and the cells that call for a look."""
    table = _table("system", "fault", "runs", "landed", "holds", "violated", "unknown", "failed", "median")  # fmt: skip
    for row in finished.rows:
        table.add_row(
            _subject(row), row.fault, str(row.cells), str(row.landed), str(row.holds),
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
            _subject(row), row.fault, listed(row.expected) or "holds",
            str(row.cells), str(row.landed), str(row.as_expected), result,
        )  # fmt: skip
    others = [
        Text(f"{_subject(row)} x {row.fault}: {times} x {clean(words)}", style=colours.UNSURE)
        for row in finished.rows
        for words, times in row.others.items()
    ]
    missed = {(r.system, r.variant, r.fault) for r in finished.rows if not r.is_passed}
    odd = [r for r in finished.results if (r.cell.system, r.cell.variant, r.cell.fault) in missed]
    return Group(
        table, *others, *_folders(odd), _headline(finished.exit_code, len(finished.results))
    )


def _table(*columns: str) -> Table:
    table = Table(box=None, show_edge=False, pad_edge=False, header_style=colours.QUIET)
    for name in columns:
        is_words = name in {"system", "fault", "expected", ""}
        table.add_column(name, justify="left" if is_words else "right", overflow="fold")
    return table


def _subject(row: MatrixRow | SelftestRow | Skipped) -> str:
    return f"{row.system}/{row.variant}" if row.variant else row.system


def _count(number: int, style: str) -> Text:
    return Text(str(number), style=style if number else "")


def _outcome(result: CellResult) -> Text:
    if result.status is None:
        first = next(iter(result.error.splitlines()), "")
        return Text(f"could not be run: {clean(first)}", style=colours.UNSURE)
    words = Text(result.status.value, style=colours.of_status(result.status))
    detail = listed(result.violated) or next(iter(result.reasons), "")
    return words.append(f" ({clean(detail)})" if detail else "", style="default")


def _skipped(finished: MatrixFinished) -> list[Text]:
    return [
        Text(f"{_subject(one)} x {one.fault}: skipped: {clean(one.reason)}", style="yellow")
        for one in finished.skipped
    ]


def _folders(results: list[CellResult], *, at_most: int = 10) -> list[Text]:
    lines = [
        Text(f"{clean(r.cell.name)}: {r.folder or 'no run folder'}", style=colours.QUIET)
        for r in results
    ]
    more = len(lines) - at_most
    return lines[:at_most] + ([Text(f"and {more} more", style=colours.QUIET)] if more > 0 else [])


def _headline(code: ExitCode, cells: int) -> Text:
    style = {ExitCode.HOLDS: f"bold {colours.GOOD}", ExitCode.VIOLATED: colours.FAULT}.get(
        code, f"bold {colours.UNSURE}"
    )
    return Text(f"{code.name}, {cells} runs", style=style)
