"""How a campaign stands: plain lines in a pipe; on a terminal a running table, the cell at hand and the time left."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Protocol, Self

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from dtx.core.campaign import CampaignStarted, Cell, CellFinished, CellResult, CellStarted
from dtx.core.exit_codes import ExitCode
from dtx.report import colours
from dtx.report.live import Redrawn
from dtx.report.picture import CLEANING_UP
from dtx.report.wording import clean, duration, listed

CellEvent = CampaignStarted | CellStarted | CellFinished
_STYLES = {
    ExitCode.HOLDS: colours.GOOD,
    ExitCode.VIOLATED: colours.FAULT,
    ExitCode.UNKNOWN: colours.UNSURE,
}
_FEWEST_ROWS = 3


class CampaignReporter(Protocol):
    """Shows cells as they come; a context manager, since some hold the terminal."""

    shows_interrupts: bool

    def see(self, event: CellEvent) -> None:
        """Take the next event."""

    def __enter__(self) -> "CampaignReporter": ...

    def __exit__(self, *_: object) -> None: ...


class NoCampaignProgress:
    """Shows nothing."""

    shows_interrupts = False

    def see(self, event: CellEvent) -> None:
        """Take the event and stay silent."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class PlainCampaignProgress(NoCampaignProgress):
    """One line for each cell that ended."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._total = 0

    def see(self, event: CellEvent) -> None:
        """Print what came of a cell."""
        if isinstance(event, CampaignStarted):
            self._total = len(event.cells)
        elif isinstance(event, CellFinished):
            self._console.print(cell_line(event, self._total), soft_wrap=True)


class LiveCampaign:
    """A running table that is redrawn in place; above it a line for each cell that calls for a look."""

    shows_interrupts = True

    def __init__(
        self, console: Console, is_interrupted: Callable[[], bool] = lambda: False
    ) -> None:
        self.picture = CampaignPicture(is_interrupted)
        self._console = console
        self._live = Redrawn(console, self.picture)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def see(self, event: CellEvent) -> None:
        """Take the event into the table."""
        self.picture.see(event)
        if isinstance(event, CellFinished) and event.result.exit_code is not ExitCode.HOLDS:
            self._console.print(cell_line(event, self.picture.total), soft_wrap=True)


class CampaignPicture:
    """What the table shows now; drawn from a thread of rich's while events come in."""

    def __init__(self, is_interrupted: Callable[[], bool] = lambda: False) -> None:
        self._is_interrupted = is_interrupted
        self._planned: Counter[tuple[str, str]] = Counter()
        self._ended: dict[tuple[str, str], Counter[ExitCode]] = {}
        self._cell: Cell | None = None
        self._done = 0
        self._began = self._cell_began = time.monotonic()
        self._spinner = Spinner("line", style=colours.QUIET)

    @property
    def total(self) -> int:
        """How many cells there are."""
        return self._planned.total()

    def see(self, event: CellEvent) -> None:
        """Take the next event."""
        if isinstance(event, CampaignStarted):
            self._planned = Counter(map(_row_of, event.cells))
            self._began = time.monotonic()
        elif isinstance(event, CellStarted):
            self._cell, self._cell_began = event.cell, time.monotonic()
        else:
            self._done = event.number
            row = self._ended.setdefault(_row_of(event.result.cell), Counter())
            row[event.result.exit_code] += 1

    def left_s(self) -> float | None:
        """Return how long the rest will take if it goes on as until now; None before the first cell has ended."""
        if not self._done:
            return None
        mean_s = (self._cell_began - self._began) / self._done
        return max(0.0, (self.total - self._done) * mean_s - (time.monotonic() - self._cell_began))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        rows = max(_FEWEST_ROWS, console.height - 6)
        yield Group(*self._parts(options.max_width, rows))

    def _parts(self, width: int, rows: int) -> Iterator[RenderableType]:
        yield self._table(rows)
        if self._is_interrupted():
            yield Text(CLEANING_UP, style=colours.UNSURE, no_wrap=True, overflow="ellipsis")
            return
        line = Table.grid(padding=(0, 1))
        for _ in range(4):
            line.add_column(no_wrap=True, overflow="ellipsis")
        left_s = self.left_s()
        line.add_row(
            self._spinner,
            ProgressBar(
                total=max(self.total, 1), completed=self._done, width=max(8, min(30, width // 4)),
                complete_style=colours.BAR, finished_style=colours.BAR,
            ),
            f"{self._done}/{self.total}",
            f"{duration(time.monotonic() - self._began)}, about "
            f"{duration(left_s)} left" if left_s is not None else "the first run",
        )  # fmt: skip
        yield line
        if self._cell is not None:
            took = duration(time.monotonic() - self._cell_began)
            yield Text(f"now {clean(self._cell.name)}, {took}", no_wrap=True, overflow="ellipsis")

    def _table(self, at_most: int) -> Table:
        table = Table(box=None, show_edge=False, pad_edge=False, header_style=colours.QUIET)
        for name in ("system", "fault"):
            table.add_column(name, no_wrap=True, overflow="ellipsis")
        for name in ("runs", "holds", "violated", "unknown", "failed"):
            table.add_column(name, justify="right", no_wrap=True)
        rows = list(self._planned)
        now = rows.index(_row_of(self._cell)) if self._cell else 0
        # Of a long table the part around the cell at hand.
        first = max(0, min(now - at_most // 2, len(rows) - at_most))
        for row in rows[first : first + at_most]:
            ended = self._ended.get(row, Counter())
            is_now = self._cell is not None and row == _row_of(self._cell)
            table.add_row(*_cells(row, ended, self._planned[row]), style="bold" if is_now else "")
        return table


def cell_line(event: CellFinished, total: int) -> Text:
    """Return what came of a cell, on one line."""
    line = Text(f"{event.number}/{total} {clean(event.result.cell.name)}: ")
    return line.append_text(outcome(event.result))


def outcome(result: CellResult) -> Text:
    """Return a cell's verdict, with its reason if it does not hold."""
    if result.status is None:
        first = next(iter(result.error.splitlines()), "")
        return Text(f"could not be run: {clean(first)}", style=colours.UNSURE)
    words = Text(result.status.value, style=colours.of_status(result.status))
    detail = listed(result.violated) or next(iter(result.reasons), "")
    return words.append(f" ({clean(detail)})" if detail else "", style="default")


def _row_of(cell: Cell) -> tuple[str, str]:
    return f"{cell.system}/{cell.variant}" if cell.variant else cell.system, cell.fault


def _cells(row: tuple[str, str], ended: Counter[ExitCode], planned: int) -> Iterator[Text]:
    yield from (Text(clean(word)) for word in row)
    yield Text(f"{ended.total()}/{planned}")
    for code, style in _STYLES.items():
        yield Text(str(ended[code] or "."), style=style if ended[code] else colours.QUIET)
    failed = ended.total() - sum(ended[code] for code in _STYLES)
    yield Text(str(failed or "."), style=colours.UNSURE if failed else colours.QUIET)
