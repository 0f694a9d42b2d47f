"""Jepsen's processes: each has at most one operation open, and none after one whose outcome it does not know."""

import heapq

from dtx.core.history import Outcome


class Processes:
    """Gives out process numbers from 0, the smallest free one first."""

    def __init__(self) -> None:
        self._free: list[int] = []
        self._next = 0

    def take(self) -> int:
        """Return a process that has no operation open."""
        if self._free:
            return heapq.heappop(self._free)
        self._next += 1
        return self._next - 1

    def give_back(self, process: int, outcome: Outcome) -> None:
        """Note the end of a process's operation; after `info` the process is never used again."""
        if outcome is not Outcome.INFO:
            heapq.heappush(self._free, process)
