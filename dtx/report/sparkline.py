"""How long transactions took over the run, as a line of small bars below the schedule's bar."""

import math
from collections.abc import Sequence

LEVELS = "▁▂▃▄▅▆▇█"
ASCII_LEVELS = "_.:-=+*#"
NOTHING = " "
"""A part in which no transaction ended."""

LOWEST_MS = 1.0
_SMALLEST_SPAN = 10.0
"""Highest through lowest at least: small noise must not look like a mountain."""


class LatencyTrack:
    """The highest latency seen in each small part of the main phase."""

    def __init__(self, duration_s: float, parts: int = 240) -> None:
        self._duration_s = duration_s
        self._highest_ms: list[float | None] = [None] * parts

    def add(self, at_s: float, latency_ms: float) -> None:
        """Take a latency at a moment of the main phase; later ones are left out."""
        part = int(at_s / self._duration_s * len(self._highest_ms))
        if 0 <= part < len(self._highest_ms):
            self._highest_ms[part] = max(latency_ms, self._highest_ms[part] or 0.0)

    def cells(self, number: int) -> list[float | None]:
        """Return the highest of each of so many parts."""
        parts = len(self._highest_ms)
        found: list[float | None] = []
        for cell in range(number):
            begin = cell * parts // number
            # On a wide terminal some parts stand in two cells.
            seen = self._highest_ms[begin : max(begin + 1, (cell + 1) * parts // number)]
            known = [value for value in seen if value is not None]
            found.append(max(known) if known else None)
        return found


def sparkline(latencies_ms: Sequence[float | None], *, is_ascii: bool = False) -> str:
    """Return a bar for each value, on a logarithmic scale: a fault makes 3 s of 8 ms."""
    levels = ASCII_LEVELS if is_ascii else LEVELS
    known = [max(value, LOWEST_MS) for value in latencies_ms if value is not None]
    if not known:
        return NOTHING * len(latencies_ms)
    lowest = min(known)
    span = max(math.log(max(known) / lowest), math.log(_SMALLEST_SPAN))
    return "".join(
        NOTHING
        if value is None
        else levels[round(math.log(max(value, LOWEST_MS) / lowest) / span * (len(levels) - 1))]
        for value in latencies_ms
    )
