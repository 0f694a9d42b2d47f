"""A connection of our own whose last byte went at a known time: it tells at which moment the kernel answered.

The kernel says of a connection how long ago something happened, as of the moment at which it was asked. On a busy machine its
answer may reach us 100 ms later; what it says of this connection in the same answer tells how much.
"""

import functools
import socket
import time

TRIES = 20
CLOSE_ENOUGH_NS = 1_000_000


class KernelClock:
    """The connection; both ends are ours, and live as long as the process."""

    def __init__(self) -> None:
        """Connect to ourselves, and send a byte at a moment that is known to a millisecond, or as well as it goes."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            self._client = socket.create_connection(server.getsockname())
            self._accepted, _ = server.accept()
        self.port: int = self._accepted.getsockname()[1]
        for _ in range(TRIES):
            before_ns = time.monotonic_ns()
            self._accepted.sendall(b".")
            self.sent_ns = time.monotonic_ns()
            if self.sent_ns - before_ns <= CLOSE_ENOUGH_NS:
                return

    def late_ms(self, sent_ms_ago: int) -> int:
        """Return how long ago the kernel said that our byte had gone `sent_ms_ago` before."""
        return max(0, (time.monotonic_ns() - self.sent_ns) // 1_000_000 - sent_ms_ago)


@functools.cache
def kernel_clock() -> KernelClock:
    """Return the clock of this process."""
    return KernelClock()
