"""A terminal for tests: a program in a pty of its own, and the screen that a user would see."""

import contextlib
import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte

from dtx.core.deadline import Deadline

_CONTROLLING = (
    "import signal, fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    "signal.signal(signal.SIGINT, signal.SIG_DFL);"  # whoever started the tests may ignore it
    "os.execvp(sys.argv[1], sys.argv[1:])"
)
"""Ctrl-C reaches only whom the terminal controls."""


class Terminal:
    """Runs one program; a context manager that kills what has not ended."""

    def __init__(
        self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], python: str,
        columns: int = 80, rows: int = 24,
    ) -> None:  # fmt: skip
        self.screen = pyte.Screen(columns, rows)
        self.written = b""
        self._stream = pyte.ByteStream(self.screen)
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        unset = {"NO_COLOR", "COLUMNS", "LINES", "FORCE_COLOR"}
        known = {name: value for name, value in os.environ.items() if name not in unset}
        self.process = subprocess.Popen(
            [python, "-c", _CONTROLLING, *command],
            cwd=cwd, env=known | {"TERM": "xterm-256color"} | dict(env),
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        )  # fmt: skip
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        os.close(self._master)

    @property
    def lines(self) -> list[str]:
        """What stands on the screen, without blanks at the ends and without blank lines at the end."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip().split("\n")

    @property
    def text(self) -> str:
        """The same as one text."""
        return "\n".join(self.lines)

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._master, text.encode())

    def read_until(self, is_seen: Callable[[], bool], deadline: Deadline) -> bool:
        """Read what the program writes until the condition holds; False if it ended or the time is over."""
        while not is_seen():
            if deadline.is_over or not self._read(deadline):
                return is_seen()
        return True

    def finish(self, deadline: Deadline) -> int:
        """Read to the end and return the exit code."""
        while not deadline.is_over and self._read(deadline):
            continue
        return self.process.wait(timeout=max(deadline.left_s, 0.1))

    def colour_of(self, text: str) -> str:
        """Return the colour of the first character of this text on the screen, as six digits or a name."""
        for row, line in enumerate(self.screen.display):
            if text in line:
                return str(self.screen.buffer[row][line.index(text)].fg)
        raise AssertionError(f"{text!r} is not on the screen:\n{self.text}")

    def _read(self, deadline: Deadline) -> bool:
        ready, _, _ = select.select([self._master], [], [], deadline.left_s)
        if not ready:
            return False
        try:
            chunk = os.read(self._master, 1 << 16)
        except OSError:  # Linux: nobody has the other end any more
            return False
        self.written += chunk
        self._stream.feed(chunk)
        return bool(chunk)
