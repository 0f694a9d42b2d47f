"""Durable files of workers: what was synced of them, whether that could be seen, and cutting the rest away."""

import mmap
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dtx.core.errors import ProvisionError
from dtx.core.ports import CutBack
from dtx.targets import process_tree
from dtx.targets.workers.process import WorkerProcess

WHOLE = -1
"""Instead of a length: synced in a way that shows none, so all of it is taken for durable."""
_GO_MARK = b"\xff Go buildinf:"
"""In every program that Go has linked (debug/buildinfo): it makes its system calls itself."""

FileId = tuple[int, int]
"""Device and inode."""


class DurableFiles:
    """Implements `core.ports.Durability` for workers, by name."""

    def __init__(self, workers: Mapping[str, WorkerProcess]) -> None:
        self._workers = workers

    def unseen(self, worker: str) -> str:
        """Look at every process of the worker: the library must be in it, and it must sync through it."""
        process = self._workers[worker]
        library = process.sync_library
        if library is None:
            return "it was started without the library that notes syncs"
        for pid in sorted(process.members()):
            if process_tree.is_running(pid) and (why := _blind_spot(pid, library)):
                return f"process {pid} ({_name(pid)}) {why}"
        return ""

    def cut_back(self, worker: str) -> CutBack:
        """Truncate every durable file to what was synced of it."""
        process = self._workers[worker]
        synced = read_synced(process.sync_log)
        files = cut_bytes = 0
        for path in _durable_files(process.data, process.worker.durable):
            files += 1
            cut_bytes += _cut(path, synced)
        return CutBack(files=files, cut_bytes=cut_bytes)


@dataclass(frozen=True, slots=True)
class _Line:
    kind: str
    file: FileId
    length: int


def read_synced(log: Path) -> dict[FileId, int]:
    """Return how many bytes of each file were synced, or WHOLE; see syncs.c for the lines.

    Two syncs at once may be noted in the other order, so the longest counts until the file is truncated.
    """
    synced: dict[FileId, int] = {}
    for line in _lines(log):
        known = synced.get(line.file, 0)
        if line.kind == "G":
            synced.pop(line.file, None)
        elif line.kind == "A" or known == WHOLE:
            synced[line.file] = WHOLE
        elif line.kind == "S":
            synced[line.file] = max(known, line.length)
        elif line.kind == "T":
            synced[line.file] = min(known, line.length)
    return synced


def _lines(log: Path) -> Iterator[_Line]:
    try:
        content = log.read_text()
    except FileNotFoundError:
        return
    for text in content.splitlines():
        kind, device, inode, length = text.split()
        yield _Line(kind, (int(device), int(inode)), int(length))


def _durable_files(data: Path, patterns: tuple[str, ...]) -> list[Path]:
    found = {path for pattern in patterns for path in data.glob(pattern)}
    return sorted(path for path in found if path.is_file() and not path.is_symlink())


def _cut(path: Path, synced: Mapping[FileId, int]) -> int:
    """Cut one file back; return how many bytes it lost."""
    status = path.stat()
    length = synced.get((status.st_dev, status.st_ino), 0)
    if length == WHOLE or status.st_size <= length:
        return 0
    try:
        os.truncate(path, length)
    except OSError as error:
        raise ProvisionError(
            f"can't cut {path} back to {length} bytes: {error.strerror}"
        ) from error
    return status.st_size - length


def _blind_spot(pid: int, library: Path) -> str:
    """Return why what a process syncs is not noted; empty if it is, or if the process has ended meanwhile."""
    looks: tuple[Callable[[], str], ...] = (
        lambda: _without_library(pid, library),
        lambda: _of_go(Path(f"/proc/{pid}/exe")),
        lambda: _with_ring(pid),
    )
    for look in looks:
        try:
            if why := look():
                return why
        except (FileNotFoundError, ProcessLookupError):
            return ""
        except OSError as error:
            return f"can't be looked at: {error.strerror}"
    return ""


def _without_library(pid: int, library: Path) -> str:
    if str(library) in Path(f"/proc/{pid}/maps").read_text(errors="replace"):
        return ""
    return "did not load the library that notes syncs: it is statically linked, or LD_PRELOAD was taken from it"


def _of_go(program: Path) -> str:
    with (
        program.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        is_go = content.find(_GO_MARK) >= 0
    return "is written in Go, which syncs past the C library" if is_go else ""


def _with_ring(pid: int) -> str:
    for entry in os.scandir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(entry.path)  # noqa: PTH115 (no path of a file)
        except OSError:
            continue
        if target == "anon_inode:[io_uring]":
            return "has an io_uring, through which it may sync past the C library"
    return ""


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "ended"
