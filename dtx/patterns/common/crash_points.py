"""Named points at which a worker can be made to kill itself, as the harness asks through a file.

`DTX_CRASH_FILE` names a JSON file `{"point": str, "n": int, "tx": str | null}`. At the n-th pass of that
point (counted in this process, from the moment it saw this file) the worker appends `reached <tx>`, syncs,
and dies by SIGKILL, as it would by a power cut or the OOM killer: no handler, no clean-up. Arming a point
needs no restart; while there is no file a pass costs one stat.
"""

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec

_MARK = "reached"


class _Order(msgspec.Struct, frozen=True):
    """What the file asks for: die at pass `n` of `point`, counting only passes of `tx` if one is named."""

    point: str
    n: int = 1
    tx: str | None = None


@dataclass(slots=True)
class CrashFile:
    """The file, as it was last seen, and how often the point that it names was passed since."""

    path: Path
    _seen: tuple[int, int, int] | None = None
    _order: _Order | None = None
    _passes: int = 0

    def passing(self, point: str, tx: str) -> bool:
        """Return whether this pass of `point` by `tx` is the one to die at."""
        try:
            stat = self.path.stat()
        except OSError:
            return False
        version = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
        if version != self._seen:
            self._seen, self._order, self._passes = version, self._read(), 0
        order = self._order
        if order is None or order.point != point or order.tx not in {None, tx}:
            return False
        self._passes += 1
        return self._passes == order.n

    def mark_reached(self, tx: str) -> None:
        """Append `reached <tx>` on a line of its own and sync it; a file with this mark never fires again."""
        with self.path.open("r+b") as file:
            content = file.read()
            line_break = b"" if not content or content.endswith(b"\n") else b"\n"
            file.write(line_break + f"{_MARK} {tx}\n".encode())
            file.flush()
            os.fsync(file.fileno())

    def _read(self) -> _Order | None:
        """Return the order; None if it was carried out already, or is not (yet) whole."""
        try:
            text = self.path.read_text(encoding="utf-8")
            if any(line.startswith(_MARK) for line in text.splitlines()):
                return None
            return msgspec.json.decode(text, type=_Order)
        except (OSError, ValueError):
            return None


def _from_environment() -> CrashFile | None:
    path = os.environ.get("DTX_CRASH_FILE")
    return CrashFile(Path(path)) if path else None


_crash_file = _from_environment()


def crash_point(point: str, tx: str) -> None:
    """Die here, now, if the harness asked for it; else return at once."""
    if _crash_file is not None and _crash_file.passing(point, tx):
        _crash_file.mark_reached(tx)
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)
