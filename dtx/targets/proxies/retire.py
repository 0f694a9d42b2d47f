"""Ending idle connections at their source, as an operating system does that gives up on one, or a pool that retires it.

Sources keep their connections in pools: without this none would end while slow-close is on. The source's socket is duplicated
(pidfd_getfd(2), Linux 5.6, which the harness may do to its children) and shut down: the source reads the end of the stream.
"""

import contextlib
import ctypes
import os
import socket
import struct
from collections.abc import Iterator

from dtx.targets.proxies.traffic import sockets_to

_PIDFD_GETFD = 438
"""Its number on every architecture (include/uapi/asm-generic/unistd.h)."""
_INFO_BYTES = 136
_MS_AGO = struct.Struct("=IIII")
_MS_AGO_OFFSET = 44
"""tcpi_last_data_sent, tcpi_last_ack_sent, tcpi_last_data_recv, tcpi_last_ack_recv (linux/tcp.h)."""
_RECEIVED_OFFSET = 128
"""tcpi_bytes_received."""
IDLE_MS = 5


def retire_idle(port: int) -> bool:
    """End one idle connection to this port of 127.0.0.1; return whether there was one that could be ended."""
    for pid, number in _owners({f"socket:[{inode}]" for inode in sockets_to(port)}):
        with contextlib.suppress(OSError), _duplicate(pid, number) as connection:
            if _is_idle(connection):
                connection.shutdown(socket.SHUT_RDWR)
                return True
    return False


def _owners(sockets: set[str]) -> Iterator[tuple[int, int]]:
    """Yield the processes that have one of the sockets, with its number there."""
    if not sockets:
        return
    # A run's workers are among the youngest; a look at every process of a busy machine takes a fifth of a second.
    pids = sorted((int(n) for n in os.listdir("/proc") if n.isdigit()), reverse=True)  # noqa: PTH208
    for pid in (os.getpid(), *pids):
        with contextlib.suppress(OSError):
            for number in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208 (cost)
                with contextlib.suppress(OSError):
                    if os.readlink(f"/proc/{pid}/fd/{number}") in sockets:  # noqa: PTH115 (cost)
                        yield pid, int(number)


def _duplicate(pid: int, number: int) -> socket.socket:
    process = os.pidfd_open(pid)
    try:
        ours = ctypes.CDLL(None, use_errno=True).syscall(_PIDFD_GETFD, process, number, 0)
    finally:
        os.close(process)
    if ours < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    return socket.socket(fileno=ours)


def _is_idle(connection: socket.socket) -> bool:
    """Whether it was used, and the last thing that happened, a while ago, was an answer."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
    sent_ms_ago, _, received_ms_ago, _ = _MS_AGO.unpack_from(info, _MS_AGO_OFFSET)
    (received_bytes,) = struct.unpack_from("=Q", info, _RECEIVED_OFFSET)
    return bool(received_bytes) and IDLE_MS <= received_ms_ago <= sent_ms_ago
