"""A point in time that waits share, so that nested waits never add up to more than was asked."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock, in ns."""

    at_ns: int

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """Return the moment `seconds` from now."""
        return cls(time.monotonic_ns() + int(seconds * 1e9))

    @property
    def left_s(self) -> float:
        """Seconds left, 0.0 when it has passed."""
        return max(0.0, (self.at_ns - time.monotonic_ns()) / 1e9)

    @property
    def is_over(self) -> bool:
        """Whether the moment has passed."""
        return time.monotonic_ns() >= self.at_ns


def poll_until(condition: Callable[[], bool], deadline: Deadline, *, every_s: float = 0.02) -> bool:
    """Ask `condition` until it is true or the deadline is over; return whether it became true.

    The condition is asked at least once, and once more after the deadline, so a slow machine never
    turns a true condition into a time-out.
    """
    while True:
        if condition():
            return True
        if deadline.is_over:
            return condition()
        time.sleep(min(every_s, max(deadline.left_s, 0.001)))
