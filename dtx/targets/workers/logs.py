"""Collects what workers write: each line is stamped with the monotonic clock and appended to the run folder.

A worker that writes without end must not fill the disk: of each, the first MOST_BYTES are kept.
"""

import contextlib
import os
import selectors
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

LAST_LINES = 32
MOST_BYTES = 50_000_000
"""Of one worker's log in a run folder: what says why it died is kept beside it, in the history."""

_CUT = f"dtx: the log ends here, at {MOST_BYTES // 1_000_000} MB; the worker wrote more".encode()
_CHUNK_BYTES = 1 << 16
_LONGEST_LINE_BYTES = 1 << 16
_LAST_READINGS = 64
"""How often `close` looks for more: a process that writes for ever must not keep it from ending."""


@dataclass(slots=True)
class _Source:
    worker: str
    rest: bytes = b""
    last: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))


@dataclass(slots=True)
class _File:
    descriptor: int
    room_bytes: int = MOST_BYTES

    def append(self, lines: list[bytes], now_ns: int) -> None:
        if self.room_bytes <= 0:
            return
        text = b"".join(b"%d %s\n" % (now_ns, line) for line in lines)
        self.room_bytes -= len(text)
        os.write(
            self.descriptor, text if self.room_bytes > 0 else b"%s%d %s\n" % (text, now_ns, _CUT)
        )


class LogCollector:
    """One thread that reads the pipes of all workers."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._files: dict[str, _File] = {}
        self._folder: Path | None = None
        self._last: dict[str, deque[str]] = {}
        self._wake_out, self._wake_in = os.pipe()
        self._selector.register(self._wake_out, selectors.EVENT_READ, None)
        self._is_over = False
        self._has_ended = False
        self._thread = threading.Thread(target=self._run, name="dtx-worker-logs", daemon=True)
        self._thread.start()

    def write_to(self, folder: Path) -> None:
        """Write what comes from now on below this folder, one file for each worker."""
        with self._lock:
            self._close_files()
            self._folder = folder

    def follow(self, worker: str, pipe: int) -> None:
        """Read this pipe (and close it at its end) as output of the worker."""
        os.set_blocking(pipe, False)
        with self._lock:
            source = _Source(worker, last=self._last.setdefault(worker, deque(maxlen=LAST_LINES)))
            self._selector.register(pipe, selectors.EVENT_READ, source)
        self._wake()

    def last_output(self, worker: str) -> str:
        """Return the worker's last lines."""
        return "\n".join(tuple(self._last.get(worker, ())))

    def is_following(self, worker: str) -> bool:
        """Whether more output of the worker may come: a pipe of it has not ended."""
        with self._lock:
            keys = () if self._has_ended else tuple(self._selector.get_map().values())
        sources = [key.data for key in keys if key.data]
        return any(source.worker == worker for source in sources)

    def close(self) -> None:
        """Read what is there, then end; nothing can be followed any more."""
        if not self._is_over:
            self._is_over = True
            self._wake()
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._is_over:
            self._read_ready(timeout_s=1.0)
        for _ in range(_LAST_READINGS):
            if not self._read_ready(timeout_s=0):
                break
        self._end()

    def _read_ready(self, timeout_s: float) -> bool:
        """Read all pipes that have something; return whether there was any."""
        has_read = False
        for key, _ in self._selector.select(timeout_s):
            if key.data is None:
                os.read(self._wake_out, 512)
            else:
                has_read = True
                self._read(key.fd, key.data)
        return has_read

    def _end(self) -> None:
        with self._lock:
            for key in [key for key in self._selector.get_map().values() if key.data]:
                self._finish(key.fd, key.data, time.monotonic_ns())
            self._has_ended = True
            self._selector.close()
            self._close_files()
            os.close(self._wake_out)
            os.close(self._wake_in)

    def _finish(self, pipe: int, source: _Source, now_ns: int) -> None:
        """Close the pipe; a last line without its end is a line."""
        self._selector.unregister(pipe)
        os.close(pipe)
        lines, source.rest = ([source.rest] if source.rest else []), b""
        self._write(source, lines, now_ns)

    def _read(self, pipe: int, source: _Source) -> None:
        try:
            chunk = os.read(pipe, _CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        now_ns = time.monotonic_ns()
        with self._lock:
            if not chunk:
                self._finish(pipe, source, now_ns)
                return
            *lines, source.rest = (source.rest + chunk).split(b"\n")
            if len(source.rest) > _LONGEST_LINE_BYTES:
                lines, source.rest = [*lines, source.rest], b""
            self._write(source, lines, now_ns)

    def _write(self, source: _Source, lines: list[bytes], now_ns: int) -> None:
        source.last.extend(line.decode(errors="replace") for line in lines)
        if self._folder is None or not lines:
            return
        # A full disk must not end this thread: a worker whose pipe nobody reads stands still.
        with contextlib.suppress(OSError):
            file = self._files.get(source.worker)
            if file is None:
                path = self._folder / f"{source.worker}.log"
                file = _File(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644))
                self._files[source.worker] = file
            file.append(lines, now_ns)

    def _close_files(self) -> None:
        for file in self._files.values():
            os.close(file.descriptor)
        self._files.clear()

    def _wake(self) -> None:
        os.write(self._wake_in, b".")
