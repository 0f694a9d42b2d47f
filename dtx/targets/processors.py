"""Who has the processors: the programs of this run, or all others, by /proc/stat and the stat of every process.

What is ours is what descends from the harness (workers, servers without Docker) or is in a container of the
environment. What the kernel does between interrupts counts for nobody: it is charged to whoever just ran.
"""

import os
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dtx.core.history import ProcessorUse
from dtx.targets.process_tree import stat_fields

_TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")
_BUSY: Final = (1, 2, 3, 8)
"""user, nice, system and steal, by their place in a line of /proc/stat (proc(5)); guests are in user and nice."""
_PARENT, _TIMES, _START = 1, slice(11, 15), 19
"""ppid; utime, stime, cutime and cstime, so that a child's time is kept by who waited for it; starttime."""

_Process = tuple[int, str]
"""A pid and its start time: a pid alone may be somebody else's later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    at_ns: int
    processors: int
    busy_ticks: int
    own_ticks: int


class ProcessorMeter:
    """Implements `core.ports.Processors`."""

    def __init__(self, containers: Callable[[], Collection[str]]) -> None:
        """Args: the ids of the environment's containers, asked at each look."""
        self._containers = containers
        self._last: _Look | None = None
        self._ours: set[_Process] = set()
        self._strangers: set[_Process] = set()

    def use(self) -> ProcessorUse | None:
        """Return who had the processors since the last call."""
        last, self._last = self._last, self._look()
        now = self._last
        if last is None or now is None:
            return None
        busy_ticks = max(0, now.busy_ticks - last.busy_ticks)
        # What died without that one of ours waited for it takes its time along: that look sees too little of ours.
        own_ticks = min(max(0, now.own_ticks - last.own_ticks), busy_ticks)
        return ProcessorUse(
            at_ns=now.at_ns,
            since_ns=last.at_ns,
            processors=now.processors,
            own_s=own_ticks / _TICKS_A_SECOND,
            foreign_s=(busy_ticks - own_ticks) / _TICKS_A_SECOND,
        )

    def _look(self) -> _Look | None:
        usable = {f"cpu{number}" for number in os.sched_getaffinity(0)}
        try:
            lines = Path("/proc/stat").read_text(encoding="utf-8").splitlines()
        except OSError:
            return None
        seen = [cells for line in lines if (cells := line.split()) and cells[0] in usable]
        return _Look(
            at_ns=time.monotonic_ns(),
            processors=len(seen),
            busy_ticks=sum(int(cells[place]) for cells in seen for place in _BUSY),
            own_ticks=self._own_ticks(),
        )

    def _own_ticks(self) -> int:
        everyone = _everyone()
        self._ours = self._below(everyone)
        return sum(sum(map(int, everyone[pid][_TIMES])) for pid, _ in self._ours)

    def _below(self, everyone: dict[int, list[str]]) -> set[_Process]:
        """Return the harness, what was ours before, what is in our containers, and all descendants of these."""
        children: dict[int, list[int]] = {}
        for pid, fields in everyone.items():
            children.setdefault(int(fields[_PARENT]), []).append(pid)
        found: set[_Process] = set()
        waiting = [os.getpid(), *self._roots(everyone)]
        while waiting:
            pid = waiting.pop()
            process = (pid, everyone[pid][_START])
            if process not in found:
                found.add(process)
                waiting.extend(children.get(pid, ()))
        return found

    def _roots(self, everyone: dict[int, list[str]]) -> Iterable[int]:
        containers = self._containers()
        processes = {(pid, fields[_START]) for pid, fields in everyone.items()}
        known = self._ours & processes  # an orphan has another parent by now
        yield from (pid for pid, _ in known)
        if not containers:
            return
        self._strangers &= processes
        for process in processes - known - self._strangers:
            if _is_in_one_of(containers, process[0]):
                yield process[0]
            else:
                self._strangers.add(process)


def _everyone() -> dict[int, list[str]]:
    """Return pid -> stat of every process; zombies too, whose time nobody has taken over yet."""
    names = os.listdir("/proc")  # noqa: PTH208 (called often: the plain call is three times faster)
    return {int(name): fields for name in names if name.isdigit() and (fields := stat_fields(name))}


def _is_in_one_of(containers: Collection[str], pid: int) -> bool:
    try:
        groups = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return any(container in groups for container in containers)
