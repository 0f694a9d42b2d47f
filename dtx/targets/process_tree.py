"""Process trees through /proc: who belongs to a run or a server; killed until nobody is left, stopped until all are.

PostgreSQL's backends leave the process group of their parent, and a busy backend commits seconds after its
postmaster was killed; so a tree is everything that descends from a root, works in one of its folders, or
carries the run's mark in its environment. This module is the reaper's too: it imports nothing but the
standard library, and nothing of dtx.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

_LISTEN = "0A"
"""TCP_LISTEN in /proc/net/tcp (net/tcp_states.h)."""

Members = Callable[[], set[int]]
"""Asks /proc again who belongs to a tree."""


def parents() -> dict[int, int]:
    """Return pid -> parent's pid of every process that is not a zombie."""
    found: dict[int, int] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 (called often: the plain call is three times faster)
        if name.isdigit():
            fields = stat_fields(int(name))
            if fields and fields[0] not in "ZX":
                found[int(name)] = int(fields[1])
    return found


def is_running(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    fields = stat_fields(pid)
    return bool(fields) and fields[0] not in "ZX"


def start_time(pid: int) -> str | None:
    """Return the start time in clock ticks, which tells a process from a later one with the same pid."""
    fields = stat_fields(pid)
    return fields[19] if fields else None


def descendants(root: int) -> set[int]:
    """Return the root, if it runs, and every process below it."""
    of_parent: dict[int, list[int]] = {}
    everyone = parents()
    for pid, parent in everyone.items():
        of_parent.setdefault(parent, []).append(pid)
    found: set[int] = set()
    waiting = [root] if root in everyone else list(of_parent.get(root, ()))
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting.extend(of_parent.get(pid, ()))
    return found


def working_below(folder: Path) -> set[int]:
    """Return the processes whose current directory is the folder or below it, be they removed since."""
    prefix = os.path.realpath(folder)  # as the kernel names it, should TMPDIR be a symbolic link
    found = set()
    for pid in parents():
        try:
            place = os.readlink(f"/proc/{pid}/cwd")  # noqa: PTH115 (cost)
        except OSError:
            continue
        place = place.removesuffix(" (deleted)")
        if place == prefix or place.startswith(prefix + "/"):
            found.add(pid)
    return found


def marked(variable: str, value: str) -> set[int]:
    """Return the processes that were started with `variable=value` in their environment."""
    needle = f"{variable}={value}".encode()
    found = set()
    for pid in parents():
        try:
            content = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue
        if needle in content.split(b"\0"):
            found.add(pid)
    return found


def listening_ports(pids: Iterable[int]) -> set[int]:
    """Return the TCP ports at which the processes accept connections."""
    ports: dict[str, int] = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                cells = line.split()
                if cells[3] == _LISTEN:
                    ports[f"socket:[{cells[9]}]"] = int(cells[1].rpartition(":")[2], 16)
    found = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            for file in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    found |= {ports[name] for name in (str(file.readlink()),) if name in ports}
    return found


def kill_all(members: Members, *, within_s: float = 5.0) -> int:
    """SIGKILL the members, and whoever they spawned meanwhile, until none runs; return how many were killed.

    Raises:
        TimeoutError: some are still there, which only an uninterruptible system call can cause.
    """
    killed: set[int] = set()
    deadline = time.monotonic() + within_s
    while True:
        running = {pid for pid in members() if is_running(pid)} - {os.getpid()}
        if not running:
            return len(killed)
        _signal_all(running, signal.SIGKILL)
        killed |= running
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {sorted(running)} do not end")
        time.sleep(0.002)


def stop_all(members: Members, *, within_s: float = 5.0) -> int:
    """SIGSTOP the members, and whoever they spawned meanwhile, until all are stopped; return how many they are.

    A listing of /proc takes time, in which one that still runs may fork behind its back: only when all were
    stopped does the next listing see everyone.

    Raises:
        TimeoutError: some still run; those that are stopped stay so.
    """
    was_still = False
    deadline = time.monotonic() + within_s
    while True:
        everyone = {pid for pid in members() if is_running(pid)} - {os.getpid()}
        moving = {pid for pid in everyone if not is_stopped(pid)}
        if not moving and was_still:
            return len(everyone)
        was_still = not moving
        _signal_all(moving, signal.SIGSTOP)
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {sorted(moving)} do not stop")
        if moving:
            time.sleep(0.002)


def continue_all(members: Members, *, within_s: float = 5.0) -> int:
    """SIGCONT the members until none is stopped; return how many they are.

    Raises:
        TimeoutError: some stay stopped.
    """
    deadline = time.monotonic() + within_s
    everyone = {pid for pid in members() if is_running(pid)}
    # All of them: SIGCONT also takes back a SIGSTOP that one in a system call has not yet obeyed (signal(7)).
    _signal_all(everyone, signal.SIGCONT)
    while still := {pid for pid in members() if is_stopped(pid)}:
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {sorted(still)} stay stopped")
        _signal_all(still, signal.SIGCONT)
        time.sleep(0.002)
    return len(everyone)


def is_stopped(pid: int) -> bool:
    """Whether no thread of the process executes anything until a SIGCONT.

    One that sleeps in the kernel beyond the reach of signals (state D) with a SIGSTOP that waits for it does not come
    back to its program either: so sleeps the parent of a vfork whose child was stopped before its exec.
    """
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 (cost)
    except OSError:
        return False
    states = {(stat_fields(f"{pid}/task/{thread}") or ["Z"])[0] for thread in threads}
    if states <= set("TtZX"):
        return bool(states & set("Tt"))
    return states <= set("TtZXD") and _is_stop_pending(pid)


def _is_stop_pending(pid: int) -> bool:
    # Bit n-1 of ShdPnd is signal n (proc(5)); os.kill addresses the process, not a thread.
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    pending = next(
        (line for line in status.splitlines() if line.startswith("ShdPnd:")), "ShdPnd: 0"
    )
    return bool(int(pending.split()[1], 16) >> (signal.SIGSTOP - 1) & 1)


def _signal_all(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def stat_fields(pid: int | str) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on, which is the third (proc(5)); none if it is gone."""
    # The name, in parentheses, may hold anything; fields are counted from behind it (proc(5)).
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 (cost)
            return file.read().rpartition(")")[2].split()
    except OSError:
        return []
