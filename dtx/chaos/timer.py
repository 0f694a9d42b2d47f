"""The time of the nemesis: waits that a stop ends, and waits that healing must finish even after a stop."""

import threading
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A clock to wait on; tests bring one that jumps."""

    def now_ns(self) -> int:
        """Return the monotonic time."""

    def wait_until(self, at_ns: int) -> bool:
        """Wait until then; return False as soon as a stop was asked for."""

    def pause(self, seconds: float) -> None:
        """Wait whatever happens."""


class StoppableTimer:
    """Real time, and a stop that ends all waits of `wait_until` at once."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._never = threading.Event()

    def now_ns(self) -> int:
        """Return the monotonic time."""
        return time.monotonic_ns()

    def wait_until(self, at_ns: int) -> bool:
        """Wait until then; return False as soon as a stop was asked for."""
        return not self._stop.wait(max(0.0, (at_ns - time.monotonic_ns()) / 1e9))

    def pause(self, seconds: float) -> None:
        """Wait whatever happens."""
        self._never.wait(seconds)

    def stop(self) -> None:
        """End all waits of `wait_until`, now and from now on."""
        self._stop.set()


def poll(
    condition: Callable[[], bool], timer: Timer, *, within_s: float, every_s: float = 0.01
) -> bool:
    """Ask until `condition` is true or `within_s` is over; return whether it became true.

    Meant for the short bounded waits around injecting and healing: a stop does not end it.
    """
    over_ns = timer.now_ns() + int(within_s * 1e9)
    while not condition():
        if timer.now_ns() >= over_ns:
            return False
        timer.pause(every_s)
    return True
