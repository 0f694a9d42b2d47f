"""How long transactions took that ended ok just now: a few figures, cheap enough to be asked for ten times a second."""

from collections import deque

from dtx.core.events import RecentLatency

WINDOW_NS = 1_000_000_000
LONGEST = 4096
"""Ends that are kept; of more than that in a second, the newest tell enough for a live view."""


class RecentLatencies:
    """The latencies of the last second; not thread-safe."""

    def __init__(self) -> None:
        self._ends: deque[tuple[int, int]] = deque(maxlen=LONGEST)

    def add(self, ended_ns: int, taken_ns: int) -> None:
        """Take one transaction that ended at `ended_ns`."""
        self._ends.append((ended_ns, taken_ns))

    def figures(self, now_ns: int) -> RecentLatency | None:
        """Return median and 99th percentile of those that ended in the last second; None if none did."""
        while self._ends and self._ends[0][0] < now_ns - WINDOW_NS:
            self._ends.popleft()
        if not self._ends:
            return None
        taken_ns = sorted(taken for _, taken in self._ends)
        # Nearest rank: a latency that was really measured.
        return RecentLatency(
            ended=len(taken_ns),
            median_ms=taken_ns[(len(taken_ns) - 1) // 2] / 1e6,
            p99_ms=taken_ns[-(-len(taken_ns) * 99 // 100) - 1] / 1e6,
        )
