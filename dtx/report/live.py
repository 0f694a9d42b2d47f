"""Things that are redrawn in place on a terminal, and gone without a trace at their end."""

from collections.abc import Callable, Iterable
from typing import Self

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.segment import Segment

from dtx.config.model import System
from dtx.core.events import TrialEvent
from dtx.core.run_folder import Plan
from dtx.report.picture import Picture

REFRESHES_PER_S = 8


def can_redraw(console: Console) -> bool:
    """Whether lines can be redrawn in place: a terminal, and none that knows no control codes."""
    return console.is_terminal and not console.is_dumb_terminal


class Redrawn(Live):
    """A transient live display that survives a terminal that is made narrower.

    Terminals wrap the lines that stand there already, so that they take more rows than were drawn; rich moves the
    cursor up by the rows it drew, and would leave the rest behind.
    """

    def __init__(self, console: Console, renderable: RenderableType) -> None:
        self._measured = _Measured(renderable)
        super().__init__(
            self._measured, console=console, transient=True, refresh_per_second=REFRESHES_PER_S
        )

    def refresh(self) -> None:
        """Draw it anew, over all the rows that it takes by now."""
        with self._lock:
            rows = self._measured.rows_at(self.console.width)
            if rows > self._live_render.last_render_height > 0:
                self._live_render._shape = (self.console.width, rows)  # noqa: SLF001 (no public way)
            super().refresh()


class LiveView:
    """A reporter that redraws a picture of the run in place and removes it at the end.

    `system_of` reads the system that a plan holds; `is_interrupted` says whether the user wants the end.
    """

    shows_interrupts = True

    def __init__(
        self,
        console: Console,
        system_of: Callable[[Plan], System],
        is_interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        self.picture = Picture(system_of, is_interrupted)
        self._live = Redrawn(console, self.picture)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def see(self, event: TrialEvent) -> None:
        """Take the event into the picture, which is redrawn by itself."""
        self.picture.see(event)


class _Measured:
    """Draws something and remembers how wide each of its lines was."""

    def __init__(self, renderable: RenderableType) -> None:
        self._renderable = renderable
        self._widths: tuple[int, ...] = ()

    def rows_at(self, width: int) -> int:
        """Return how many rows the lines drawn last take on a terminal of this width."""
        return sum(max(1, -(-line // width)) for line in self._widths)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(self._renderable, options, pad=False)
        lines = lines[: console.height]
        self._widths = tuple(map(_width, lines))
        for line in lines:
            yield from line
            yield Segment.line()


def _width(line: Iterable[Segment]) -> int:
    return sum(cell_len(segment.text) for segment in line if not segment.control)
