"""System V segments that killed PostgreSQL servers left behind.

A server holds one small segment as the interlock of its data folder; postmaster.pid has its key and id in line 7
(PostgreSQL, miscadmin.h: LOCK_FILE_LINE_SHMEM_KEY). SIGKILL leaves it in the kernel, which has room for 4096.
This module is the reaper's too: it imports nothing but the standard library, and nothing of dtx.
"""

import ctypes
from pathlib import Path

_KEY_AND_ID_LINE = 7
_IPC_RMID = 0
_KEY_BITS = 0xFFFFFFFF


def remove_segments(folder: Path) -> int:
    """Remove the segments, which nobody is attached to, of servers whose data is below the folder; return how many."""
    unused = _unused()
    removed = 0
    for file in folder.rglob("postmaster.pid"):
        segment = _segment(file)
        if segment in unused and ctypes.CDLL(None).shmctl(segment[1], _IPC_RMID, None) == 0:
            removed += 1
    return removed


def _unused() -> set[tuple[int, int]]:
    """Return (key, id) of all segments without attached processes (proc(5), sysvipc/shm)."""
    try:
        lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    except OSError:
        return set()
    rows = [line.split() for line in lines]
    return {(int(row[0]) & _KEY_BITS, int(row[1])) for row in rows if row[6] == "0"}


def _segment(file: Path) -> tuple[int, int]:
    try:
        key, number = file.read_text().splitlines()[_KEY_AND_ID_LINE - 1].split()
        return int(key) & _KEY_BITS, int(number)
    except (OSError, ValueError, IndexError):
        return 0, -1
