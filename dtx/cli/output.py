"""Where commands write: the result to stdout, progress and errors to stderr; plain when nobody looks."""

import contextlib
import re
import sys
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

from rich.console import Console

from dtx.cli.streams import Steadfast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BLANKS = re.compile(r"[ \t]+$", re.MULTILINE)
_PIPED_WIDTH = 10_000
"""Nothing is wrapped in a pipe: a line is a line."""


class _Trimmed:
    """A stream without the blanks that tables pad their lines with."""

    def __init__(self, file: Steadfast) -> None:
        self._file = file

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)

    def write(self, text: str) -> int:
        """Write whole lines, as rich does, without the blanks at their ends."""
        return self._file.write(_BLANKS.sub("", text))


def console_for(file: Steadfast) -> Console:
    """Return a console on an open stream; NO_COLOR and TERM=dumb are honoured."""
    # rich takes FORCE_COLOR for a terminal; a pipe must stay free of control codes whatever is set.
    is_terminal = file.isatty()
    return Console(
        file=cast("IO[str]", file if is_terminal else _Trimmed(file)),
        force_terminal=is_terminal,
        width=None if is_terminal else _PIPED_WIDTH,
        highlight=False,
        markup=False,
        emoji=False,
    )


@dataclass(frozen=True, slots=True)
class Output:
    """The two consoles of one command, and the stream behind the first."""

    result: Console
    progress: Console
    stdout: Steadfast

    @classmethod
    def standard(cls) -> "Output":
        """Return consoles on stdout and stderr."""
        stdout = Steadfast(sys.stdout)
        return cls(console_for(stdout), console_for(Steadfast(sys.stderr)), stdout)

    @contextlib.contextmanager
    def waiting(
        self, words: str, *, is_told_plainly: bool = True
    ) -> "Iterator[Callable[[str], None]]":
        """Show on stderr what takes a moment, while the body runs; it may say other words."""
        from dtx.cli.signals import shown  # noqa: PLC0415 (start time)
        from dtx.report.live import can_redraw  # noqa: PLC0415
        from dtx.report.waiting import waiting  # noqa: PLC0415

        showing = shown() if can_redraw(self.progress) else contextlib.nullcontext()
        with waiting(self.progress, words, is_told_plainly=is_told_plainly) as say, showing:
            yield say

    def document(self, document: object) -> None:
        """Print one JSON document and nothing else."""
        from dtx.report.json_document import encode  # noqa: PLC0415 (msgspec)

        self.stdout.write(encode(document).decode())
        self.stdout.flush()
