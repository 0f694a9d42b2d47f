"""Ports on 127.0.0.1 that stay the same across kills and restarts."""

import random
import socket
import threading

from dtx.core.errors import ProvisionError

LOWEST = 15000
HIGHEST = 32000
"""Below the ephemeral range (32768 and up), whose ports the kernel hands to any outgoing connection: a killed
server's port would be gone when it comes back."""

_reservations: dict[int, socket.socket] = {}
_lock = threading.Lock()
_random = random.SystemRandom()


def free_port() -> int:
    """Return a port on which nobody listens and which no dtx on this machine holds until its release.

    Raises:
        ProvisionError: none found, which means that the machine is full of listeners.
    """
    for _ in range(2000):
        port = _random.randint(LOWEST, HIGHEST)
        if not _reserve(port):
            continue
        if _can_bind(port):
            return port
        release_port(port)
    raise ProvisionError(
        f"no free port on 127.0.0.1 between {LOWEST} and {HIGHEST}",
        hint="end servers that are left over: `dtx clean`",
    )


def release_port(port: int) -> None:
    """Allow the port to be handed out again."""
    with _lock:
        reservation = _reservations.pop(port, None)
    if reservation is not None:
        reservation.close()


def is_listening(port: int) -> bool:
    """Whether somebody accepts connections on 127.0.0.1:port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _reserve(port: int) -> bool:
    """Reserve the port before all other dtx on this machine, until it is released or this process ends.

    Nobody listens on it before its server is up, nor while that is killed: another run would find it free. The name of
    an abstract socket belongs to one process of the network namespace, as ports do, and the kernel gives it back.
    """
    reservation = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        reservation.bind(f"\0dtx-port-{port}")
    except OSError:
        reservation.close()
        return False
    with _lock:
        _reservations[port] = reservation
    return True


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
