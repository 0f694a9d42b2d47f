"""Something that takes a moment: a spinner with the time that it has taken, or a plain line where nothing can move."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, ConsoleOptions, RenderResult
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from dtx.report import colours
from dtx.report.live import Redrawn, can_redraw
from dtx.report.wording import clean, seconds


class Moving:
    """Words behind a spinner, with the time since they came; `say` replaces them."""

    def __init__(self, words: str) -> None:
        self._spinner = Spinner("line", style=colours.QUIET)
        self.say(words)

    def say(self, words: str) -> None:
        """Show other words, from 0 s on."""
        self._words, self._began = clean(words), time.monotonic()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        line = Table.grid(padding=(0, 1))
        line.add_column()
        line.add_column(no_wrap=True, overflow="ellipsis")
        line.add_column(no_wrap=True)
        line.add_row(self._spinner, Text(self._words), seconds(time.monotonic() - self._began))
        yield line


@contextmanager
def waiting(
    console: Console, words: str, *, is_told_plainly: bool = True
) -> Iterator[Callable[[str], None]]:
    """Show the words while the body runs, and others when it says so; nothing of it is left on a terminal.

    Where nothing can be redrawn, each of them is a line, unless `is_told_plainly` is off.
    """
    if can_redraw(console):
        moving = Moving(words)
        with Redrawn(console, moving):
            yield moving.say
        return

    def say(words: str) -> None:
        if is_told_plainly:
            console.print(clean(words), markup=False, highlight=False, soft_wrap=True)

    say(words)
    yield say
