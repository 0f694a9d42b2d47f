"""Ending idle connections at their source, as an operating system does that gives up on one, or a pool that retires it.

Sources keep their connections in pools: without this none would end while slow-close is on. The source's socket is duplicated
(pidfd_getfd(2), Linux 5.6, which the harness may do to its children) and shut down: the source reads the end of the stream.
"""

import contextlib
import ctypes
import os
import socket
import struct
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

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


class Sources:
    """The process that connects to each port, remembered: to look at all of a busy machine takes a second."""

    def __init__(self) -> None:
        """Know none yet."""
        self._pids: dict[int, int] = {}

    def retire(self, port: int, *, is_overdue: bool) -> bool:
        """End one idle connection to this port of 127.0.0.1; return whether there was one that could be ended.

        Args:
            port: where the connection goes.
            is_overdue: if none is idle for certain, end one that may wait for an answer, for sending only: it still comes.
        """
        owners = self._owners(port)
        for is_fit in (_is_idle, _is_quiet) if is_overdue else (_is_idle,):
            for pid, number in owners:
                with contextlib.suppress(OSError), _duplicate(pid, number) as connection:
                    if is_fit(connection):
                        _end(connection)
                        return True
        return False

    def _owners(self, port: int) -> Sequence[tuple[int, int]]:
        """Return the sockets of a process that is connected to a port: its id, and the number of each there."""
        sockets = {f"socket:[{inode}]" for inode in sockets_to(port)}
        if not sockets:
            return ()
        for pid in self._pids_to_ask(port):
            if numbers := tuple(_numbers(pid, sockets)):
                self._pids[port] = pid
                return tuple((pid, number) for number in numbers)
        return ()

    def _pids_to_ask(self, port: int) -> Iterator[int]:
        if port in self._pids:
            yield self._pids[port]
        yield from _family(os.getpid())
        yield from (int(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208


def _family(pid: int) -> Iterator[int]:
    """Yield the process and all below it, the youngest first: a run's workers are started after its servers."""
    yield pid
    children: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                children += map(int, (task / "children").read_text().split())
    for child in reversed(children):
        yield from _family(child)


def _numbers(pid: int, sockets: Collection[str]) -> Iterator[int]:
    """Yield under which numbers a process has some of these sockets."""
    with contextlib.suppress(OSError):
        for number in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208 (cost)
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/fd/{number}") in sockets:  # noqa: PTH115 (cost)
                    yield int(number)


def _duplicate(pid: int, number: int) -> socket.socket:
    process = os.pidfd_open(pid)
    try:
        ours = ctypes.CDLL(None, use_errno=True).syscall(_PIDFD_GETFD, process, number, 0)
    finally:
        os.close(process)
    if ours < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    return socket.socket(fileno=ours)


def _end(connection: socket.socket) -> None:
    """End it for sending; for receiving too if it is idle for certain, even if a request was about to leave."""
    connection.shutdown(socket.SHUT_WR)
    if _is_idle(connection):
        connection.shutdown(socket.SHUT_RD)


def _is_idle(connection: socket.socket) -> bool:
    """Whether it was used, and the last thing that happened, a while ago, was an answer.

    Of a question and an answer in one tick of the kernel's clock either may have been last.
    """
    sent_ms_ago, received_ms_ago, received_bytes = _last_use(connection)
    return bool(received_bytes) and IDLE_MS <= received_ms_ago < sent_ms_ago


def _is_quiet(connection: socket.socket) -> bool:
    """Whether it was used, and nothing has happened for a while: idle, or waiting for an answer."""
    sent_ms_ago, received_ms_ago, received_bytes = _last_use(connection)
    return bool(received_bytes) and min(sent_ms_ago, received_ms_ago) >= IDLE_MS


def _last_use(connection: socket.socket) -> tuple[int, int, int]:
    """Return how many ms ago it last sent and received payload, and how many bytes it has received."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
    sent_ms_ago, _, received_ms_ago, _ = _MS_AGO.unpack_from(info, _MS_AGO_OFFSET)
    (received_bytes,) = struct.unpack_from("=Q", info, _RECEIVED_OFFSET)
    return sent_ms_ago, received_ms_ago, received_bytes
