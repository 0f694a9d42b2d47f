"""The kernel's counters of connections on loopback, exact to the byte."""

import socket
import threading
from collections.abc import Iterable, Iterator

import pytest

from dtx.targets.proxies import traffic
from dtx.targets.proxies.traffic import ConnectionBytes, Meter, PortBytes, accepted_connections

from .local_here import eventually
from .tcp_servers import receive


class Pair:
    """Both ends of connections to one listening port."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = [self._listener]

    def connect(self) -> tuple[socket.socket, socket.socket]:
        client = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        accepted, _ = self._listener.accept()
        self._open += [client, accepted]
        return client, accepted

    def close(self) -> None:
        for one in self._open:
            one.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    yield pair
    pair.close()


def talk(client: socket.socket, accepted: socket.socket, request: int, reply: int) -> None:
    """Send so many bytes each way and read them."""
    client.sendall(b"q" * request)
    accepted.sendall(b"a" * reply)
    for end, size in ((accepted, request), (client, reply)):
        receive(end, size)


def test_bytes_are_exact_in_both_directions(pair: Pair) -> None:
    meter = Meter([pair.port])
    talk(*pair.connect(), request=1001, reply=77)
    # The peer may put off its acknowledgement for 40 ms.
    assert eventually(lambda: meter.sample()[pair.port] == PortBytes(1, 1001, 77))


def test_connections_of_one_port_add_up(pair: Pair) -> None:
    meter = Meter([pair.port])
    for _ in range(3):
        talk(*pair.connect(), request=10, reply=5)
    assert eventually(lambda: meter.sample()[pair.port] == PortBytes(3, 30, 15))


def test_only_the_accepting_side_is_counted_and_only_on_wanted_ports(pair: Pair) -> None:
    client, _ = pair.connect()
    assert [c.port for c in accepted_connections([pair.port])] == [pair.port]
    assert accepted_connections([1]) == []
    assert len(accepted_connections([client.getsockname()[1]])) == 1


def test_connections_that_were_there_before_the_meter_are_left_out(pair: Pair) -> None:
    before = pair.connect()
    talk(*before, request=500, reply=500)
    meter = Meter([pair.port])
    talk(*before, request=500, reply=500)
    assert meter.sample()[pair.port] == PortBytes(0, 0, 0)
    talk(*pair.connect(), request=3, reply=4)
    assert eventually(lambda: meter.sample()[pair.port] == PortBytes(1, 3, 4))


def test_closed_connection_keeps_its_last_count(pair: Pair) -> None:
    meter = Meter([pair.port])
    client, accepted = pair.connect()
    talk(client, accepted, request=1000, reply=100)
    assert eventually(lambda: meter.sample()[pair.port].sent == 100)
    client.close()
    accepted.close()
    assert eventually(lambda: not accepted_connections([pair.port]))
    assert meter.sample()[pair.port] == PortBytes(0, 1000, 100)


@pytest.mark.parametrize("first", ["client", "server", "both"])
def test_end_of_a_connection_is_no_payload_byte(pair: Pair, first: str) -> None:
    meter = Meter([pair.port])
    client, accepted = pair.connect()
    talk(client, accepted, request=1000, reply=100)
    assert eventually(lambda: meter.sample()[pair.port].sent == 100)
    if first in {"client", "both"}:
        client.shutdown(socket.SHUT_WR)
    if first in {"server", "both"}:
        accepted.shutdown(socket.SHUT_WR)
    assert eventually(lambda: meter.sample()[pair.port].connections == 0)
    meter.sample()
    assert meter.sample()[pair.port] == PortBytes(0, 1000, 100)


def test_end_of_a_connection_without_payload_counts_nothing(pair: Pair) -> None:
    meter = Meter([pair.port])
    client, _ = pair.connect()
    client.shutdown(socket.SHUT_WR)
    assert eventually(lambda: meter.sample()[pair.port].connections == 0)
    assert meter.sample()[pair.port] == PortBytes(0, 0, 0)


def test_what_was_so_long_ago_is_told_as_of_now_though_the_answer_came_late(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = Meter([pair.port])
    talk(*pair.connect(), request=10, reply=5)
    late = threading.Event()

    def slowly(ports: Iterable[int]) -> list[ConnectionBytes]:
        found = accepted_connections(ports)
        late.wait(0.2)
        return found

    monkeypatch.setattr(traffic, "accepted_connections", slowly)
    (one,) = meter.connections()
    assert min(one.received_ms_ago, one.sent_ms_ago) >= 190
