"""Collects what workers write: each line is stamped with the monotonic clock and appended to the run folder."""

import contextlib
import os
import selectors
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

LAST_LINES = 32
_CHUNK_BYTES = 1 << 16
_LONGEST_LINE_BYTES = 1 << 16


@dataclass(slots=True)
class _Source:
    worker: str
    rest: bytes = b""
    last: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))


class LogCollector:
    """One thread that reads the pipes of all workers."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._files: dict[str, int] = {}
        self._folder: Path | None = None
        self._last: dict[str, deque[str]] = {}
        self._wake_out, self._wake_in = os.pipe()
        self._selector.register(self._wake_out, selectors.EVENT_READ, None)
        self._is_over = False
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

    def close(self) -> None:
        """Read what is there, then end."""
        self._is_over = True
        self._wake()
        self._thread.join(timeout=5)
        with self._lock:
            self._close_files()

    def _run(self) -> None:
        while not self._is_over:
            for key, _ in self._selector.select(timeout=1.0):
                if key.data is None:
                    os.read(self._wake_out, 512)
                else:
                    self._read(key.fd, key.data)

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
                self._selector.unregister(pipe)
                os.close(pipe)
                lines, source.rest = ([source.rest] if source.rest else []), b""
            else:
                *lines, source.rest = (source.rest + chunk).split(b"\n")
                if len(source.rest) > _LONGEST_LINE_BYTES:
                    lines, source.rest = [*lines, source.rest], b""
            self._write(source, lines, now_ns)

    def _write(self, source: _Source, lines: list[bytes], now_ns: int) -> None:
        source.last.extend(line.decode(errors="replace") for line in lines)
        if self._folder is None or not lines:
            return
        file = self._files.get(source.worker)
        if file is None:
            path = self._folder / f"{source.worker}.log"
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            self._files[source.worker] = file
        with contextlib.suppress(OSError):
            os.write(file, b"".join(b"%d %s\n" % (now_ns, line) for line in lines))

    def _close_files(self) -> None:
        for file in self._files.values():
            os.close(file)
        self._files.clear()

    def _wake(self) -> None:
        os.write(self._wake_in, b".")
