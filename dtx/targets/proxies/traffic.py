"""Payload bytes and connections of listening ports, as the kernel counts them (sock_diag(7), INET_DIAG_INFO).

Toxiproxy's own metrics count a connection's bytes only when it ends (link.go, 2.12), so they say nothing of a
live connection that a fault holds. The kernel's counters of the accepted sockets do, without probe traffic.
"""

import os
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from dtx.core.errors import ProvisionError
from dtx.targets.proxies.kernel_clock import kernel_clock

T = TypeVar("T")

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST_DUMP = 0x301
_NLMSG_DONE = 3
_NLMSG_ERROR = 2
_INET_DIAG_INFO = 2
_ESTABLISHED = 1
_CLOSE_WAIT = 8
_STATES = 0xFFF & ~(1 << 10) & ~(1 << 6)
"""All but LISTEN and TIME_WAIT: neither has counters, and of the latter there may be ten thousand."""
_PORT_OFFSET, _PEER_OFFSET = 4, 6
_ACKED_AND_RECEIVED = struct.Struct("=QQ")
_ACKED_OFFSET = 120
"""tcpi_bytes_acked of struct tcp_info, followed by tcpi_bytes_received (linux/tcp.h, since 4.1)."""
_MS_AGO = struct.Struct("=IIII")
_MS_AGO_OFFSET = 44
"""tcpi_last_data_sent, tcpi_last_ack_sent, tcpi_last_data_recv, tcpi_last_ack_recv."""
_SEGMENTS_OUT = struct.Struct("=I")
_SEGMENTS_OUT_OFFSET = 156
"""tcpi_data_segs_out (since 4.6)."""
_SENT_AND_RETRANSMITTED = struct.Struct("=QQ")
_SENT_OFFSET = 200
"""tcpi_bytes_sent, followed by tcpi_bytes_retrans (since 4.19), the last of what is read here."""
_REQUEST = struct.Struct("=IHHII BBBBI HH16s16sIII")
_MESSAGE_HEADER = struct.Struct("=IHHII")
_DIAG = struct.Struct("=BBBB 2s2s 16s16s I II IIIII")


@dataclass(frozen=True, slots=True)
class ConnectionBytes:
    """One accepted connection: `sent` was acknowledged by the peer, `received` came from it.

    Attributes:
        is_left: the peer has closed its end, and the acceptor has not yet.
        passed: payload bytes that were sent to the peer, acknowledged or not.
        sent_segments: TCP segments with payload.
        received_ms_ago, sent_ms_ago: since payload last came, and last went; to a tick of the kernel's clock.
    """

    key: tuple[int, int, int]
    port: int
    is_open: bool
    received: int
    sent: int
    is_left: bool = False
    passed: int = 0
    sent_segments: int = 0
    received_ms_ago: int = 0
    sent_ms_ago: int = 0


def accepted_connections(ports: Iterable[int]) -> list[ConnectionBytes]:
    """Return the connections that were accepted on these local ports of 127.0.0.1.

    Raises:
        ProvisionError: the kernel does not answer sock_diag.
    """
    return _dump(frozenset(ports))


def sockets_to(port: int) -> frozenset[int]:
    """Return the inodes of the sockets of this machine that are connected to a port of it.

    Not from /proc/net/tcp, which takes a tenth of a second where thousands of connections wait for their end.

    Raises:
        ProvisionError: the kernel does not answer sock_diag.
    """
    return frozenset(
        _ask(lambda netlink: _messages(netlink, frozenset({port}), _PEER_OFFSET, _inode))
    )


def _dump(wanted: frozenset[int]) -> list[ConnectionBytes]:
    return _ask(lambda netlink: _messages(netlink, wanted, _PORT_OFFSET, _parse))


def _ask(receive: Callable[[socket.socket], list[T]]) -> list[T]:
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG) as netlink:
            netlink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            netlink.bind((0, 0))
            netlink.send(_request())
            return receive(netlink)
    except OSError as error:
        raise ProvisionError(
            f"the kernel does not tell connection counters (sock_diag): {os.strerror(error.errno or 0)}",
            hint="dtx needs Linux with CONFIG_INET_DIAG; in a container, allow AF_NETLINK sockets",
        ) from error


def _request() -> bytes:
    return _REQUEST.pack(
        _REQUEST.size, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST_DUMP, 1, 0,
        socket.AF_INET, socket.IPPROTO_TCP, 1 << (_INET_DIAG_INFO - 1), 0, _STATES,
        0, 0, b"", b"", 0, 0, 0,
    )  # fmt: skip


def _messages(
    netlink: socket.socket,
    wanted: frozenset[int],
    port_offset: int,
    parse: Callable[[bytes, int, int], T | None],
) -> list[T]:
    found: list[T] = []
    while True:
        data = netlink.recv(1 << 18)
        offset = 0
        while offset + _MESSAGE_HEADER.size <= len(data):
            length, kind, *_ = _MESSAGE_HEADER.unpack_from(data, offset)
            if kind == _NLMSG_DONE:
                return found
            if kind == _NLMSG_ERROR:
                code = struct.unpack_from("=i", data, offset + _MESSAGE_HEADER.size)[0]
                raise OSError(-code, "sock_diag")
            # Looked at before the rest is decoded: a busy machine has thousands of sockets, a link a few.
            port_at = offset + _MESSAGE_HEADER.size + port_offset
            if int.from_bytes(data[port_at : port_at + 2], "big") in wanted:
                connection = parse(data, offset + _MESSAGE_HEADER.size, offset + length)
                if connection is not None:
                    found.append(connection)
            offset += (length + 3) & ~3


def _inode(data: bytes, start: int, end: int) -> int | None:
    del end
    _, state, *_, inode = _DIAG.unpack_from(data, start)
    return int(inode) if state == _ESTABLISHED else None


def _parse(data: bytes, start: int, end: int) -> ConnectionBytes | None:
    _, state, _, _, source, _, _, _, _, cookie0, cookie1, *_ = _DIAG.unpack_from(data, start)
    port = int.from_bytes(source, "big")
    offset = start + _DIAG.size
    while offset + 4 <= end:
        length, kind = struct.unpack_from("=HH", data, offset)
        if length < 4:
            break
        if kind == _INET_DIAG_INFO and length >= 4 + _SENT_OFFSET + _SENT_AND_RETRANSMITTED.size:
            sent_ms_ago, _, received_ms_ago, _ = _MS_AGO.unpack_from(
                data, offset + 4 + _MS_AGO_OFFSET
            )
            sent, again = _SENT_AND_RETRANSMITTED.unpack_from(data, offset + 4 + _SENT_OFFSET)
            (segments,) = _SEGMENTS_OUT.unpack_from(data, offset + 4 + _SEGMENTS_OUT_OFFSET)
            acked, received = _ACKED_AND_RECEIVED.unpack_from(data, offset + 4 + _ACKED_OFFSET)
            # A FIN counts as a byte, in both directions; which one has ended can change between the state and
            # the counters, so it is taken off whenever the connection is closing: less than flowed, never more.
            is_open = state == _ESTABLISHED
            return ConnectionBytes(
                key=(port, cookie0, cookie1),
                port=port,
                is_open=is_open,
                received=received if is_open else max(0, received - 1),
                sent=acked if is_open else max(0, acked - 1),
                is_left=state == _CLOSE_WAIT,
                passed=sent - again,
                sent_segments=segments,
                received_ms_ago=received_ms_ago,
                sent_ms_ago=sent_ms_ago,
            )
        offset += (length + 3) & ~3
    return None


@dataclass(frozen=True, slots=True)
class PortBytes:
    """Totals of one port: open connections now, bytes since the meter began."""

    connections: int
    received: int
    sent: int


class Meter:
    """Adds up the bytes of ports over connections that come and go; those already there are left out.

    What flowed on a connection between its last sample and its end is not counted, so totals are never
    more than what really flowed.
    """

    def __init__(self, ports: Iterable[int]) -> None:
        self._ports = frozenset(ports)
        self._before = {c.key for c in accepted_connections(self._ports)}
        self._lock = threading.Lock()
        self._seen: dict[tuple[int, int, int], ConnectionBytes] = {}

    def connections(self) -> list[ConnectionBytes]:
        """Ask the kernel and return the connections that it knows, without those from before the meter.

        What was so long ago is told as of now, though the kernel's answer may have been long on its way.
        """
        clock = kernel_clock()
        found = accepted_connections(self._ports | {clock.port})
        late_ms = max(
            (clock.late_ms(c.sent_ms_ago) for c in found if c.port == clock.port), default=0
        )
        return [
            replace(
                c,
                received_ms_ago=c.received_ms_ago + late_ms,
                sent_ms_ago=c.sent_ms_ago + late_ms,
            )
            for c in found
            if c.port in self._ports and c.key not in self._before
        ]

    def sample(self) -> dict[int, PortBytes]:
        """Ask the kernel again and return port -> totals."""
        with self._lock:
            connections = self.connections()
            for now in connections:
                before = self._seen.get(now.key)
                self._seen[now.key] = now if before is None else _later(before, now)
            opened = Counter(c.port for c in connections if c.is_open)
            received: Counter[int] = Counter()
            sent: Counter[int] = Counter()
            for one in self._seen.values():
                received[one.port] += one.received
                sent[one.port] += one.sent
            return {p: PortBytes(opened[p], received[p], sent[p]) for p in self._ports}


def _later(before: ConnectionBytes, now: ConnectionBytes) -> ConnectionBytes:
    return replace(
        now, received=max(before.received, now.received), sent=max(before.sent, now.sent)
    )
