"""Standard streams that may stop taking anything before we end: `dtx list runs | head -1`, a full disk, a closed terminal."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO


class Steadfast:
    """A stream that takes everything, though the one behind it may not.

    Attributes:
        failure: why what was written is lost; None also where only its reader has gone, who wants no more.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self.failure: OSError | None = None

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)

    def isatty(self) -> bool:
        """Whether a terminal is behind it."""
        return self._file.isatty()

    def write(self, text: str) -> int:
        """Write, or forget it if that can't be done any more."""
        with self._forgetting():
            self._file.write(text)
        return len(text)

    def flush(self) -> None:
        """Pass on what is kept back."""
        with self._forgetting():
            self._file.flush()

    @contextlib.contextmanager
    def _forgetting(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            _forget(self._file)
        except OSError as error:
            self.failure = self.failure or error
            _forget(self._file)


def open_closed_streams() -> None:
    """Give a program that was started without them (`>&-`) streams that lead nowhere: Python sets them to None."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 (for good)


def show_what_can_be_shown() -> None:
    """Have characters that a stream's encoding does not have replaced: a report in plain ASCII is still one."""
    for file in (sys.stdout, sys.stderr):
        if isinstance(file, io.TextIOWrapper):
            file.reconfigure(errors="replace")


def flush_streams() -> None:
    """Write what is left, so that Python's own exit finds nothing that could fail."""
    for file in (sys.stdout, sys.stderr):
        try:
            file.flush()
        except OSError:
            _forget(file)
        except ValueError:
            continue  # closed already


def _forget(file: IO[str]) -> None:
    """Point the stream at nowhere: what it keeps back would fail again at the end of the program."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, file.fileno())
        os.close(nowhere)
