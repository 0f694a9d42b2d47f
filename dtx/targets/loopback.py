"""Ports on 127.0.0.1 that stay the same across kills and restarts."""

import random
import socket
import threading

from dtx.core.errors import ProvisionError

LOWEST = 15000
HIGHEST = 32000
"""Below the ephemeral range (32768 and up), whose ports the kernel hands to any outgoing connection: a killed
server's port would be gone when it comes back."""

_taken: set[int] = set()
_lock = threading.Lock()
_random = random.SystemRandom()


def free_port() -> int:
    """Return a port on which nobody listens and which this process never handed out before.

    Raises:
        ProvisionError: none found, which means that the machine is full of listeners.
    """
    for _ in range(2000):
        port = _random.randint(LOWEST, HIGHEST)
        with _lock:
            if port in _taken:
                continue
            _taken.add(port)
        if _can_bind(port):
            return port
    raise ProvisionError(
        f"no free port on 127.0.0.1 between {LOWEST} and {HIGHEST}",
        hint="end servers that are left over: `dtx clean`",
    )


def release_port(port: int) -> None:
    """Allow the port to be handed out again."""
    with _lock:
        _taken.discard(port)


def is_listening(port: int) -> bool:
    """Whether somebody accepts connections on 127.0.0.1:port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
