"""Proxied links through a real Toxiproxy to small echo servers."""

import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import pytest

from dtx.config.model import Link
from dtx.core.ports import DroppedBytes, LinkTraffic, Stream, Toxic
from dtx.targets.proxies import links as links_module
from dtx.targets.proxies import toxiproxy
from dtx.targets.proxies.links import ProxiedLinks
from dtx.targets.proxies.toxiproxy import ToxiproxyClient, ToxiproxyError

from .local_here import eventually, local_runtime, ready_client
from .tcp_servers import EchoServer, connected, receive

pytestmark = pytest.mark.local

ORDERS, BILLS = "orders->payments", "bills->payments"
SILENCE_S = 0.15
"""How long a test listens to a link that must be silent."""

HOLD = tuple(
    Toxic(name=f"hold-{s.value}", type="bandwidth", stream=s, attributes={"rate": 0})
    for s in Stream
)
LOSE_REPLY = Toxic(
    name="lose-reply", type="timeout", stream=Stream.REPLIES, attributes={"timeout": 0}
)


@pytest.fixture(scope="module")
def client() -> Iterator[ToxiproxyClient]:
    with local_runtime() as runtime:
        yield ready_client(runtime.launch_toxiproxy())


@pytest.fixture
def echo() -> Iterator[EchoServer]:
    with EchoServer() as echo:
        yield echo


@pytest.fixture
def links(client: ToxiproxyClient, echo: EchoServer) -> Iterator[ProxiedLinks]:
    yield two_links(client, echo)
    delete_all(client)


@pytest.fixture
def orders(links: ProxiedLinks) -> Iterator[socket.socket]:
    with connected(links.address(ORDERS)) as connection:
        greet(connection)
        yield connection


def delete_all(client: ToxiproxyClient) -> None:
    for name in client.proxies():
        client.delete(name)


def two_links(client: ToxiproxyClient, server: EchoServer) -> ProxiedLinks:
    pairs: Sequence[Link] = [
        Link(source=source, destination="payments") for source in ("orders", "bills")
    ]
    return ProxiedLinks(client, {"payments": server.address}, pairs)


def greet(connection: socket.socket, text: bytes = b"hello") -> None:
    connection.sendall(text)
    assert receive(connection, len(text)) == text


def is_silent(connection: socket.socket) -> bool:
    connection.settimeout(SILENCE_S)
    try:
        return connection.recv(1) is None
    except TimeoutError:
        return True
    finally:
        connection.settimeout(5)


class TestTraffic:
    def test_names_are_in_the_order_of_the_file(self, links: ProxiedLinks) -> None:
        assert list(links.names()) == [ORDERS, BILLS]

    def test_bytes_are_counted_for_each_link(
        self, links: ProxiedLinks, orders: socket.socket
    ) -> None:
        wanted = {
            ORDERS: LinkTraffic(connections=1, request_bytes=5, reply_bytes=5),
            BILLS: LinkTraffic(connections=0, request_bytes=0, reply_bytes=0),
        }
        assert eventually(lambda: links.traffic() == wanted), links.traffic()

    def test_connections_that_came_and_went_unseen_are_in_the_totals(
        self, links: ProxiedLinks
    ) -> None:
        address = links.address(ORDERS)
        for _ in range(3):
            with socket.create_connection((address.host, address.port)) as short:
                greet(short)
        assert eventually(lambda: links.totals()[ORDERS].request_bytes == 15), links.totals()
        assert links.totals()[ORDERS].reply_bytes == 15
        assert links.totals()[BILLS].request_bytes == 0


class TestHurtAndHeal:
    def test_held_bytes_stay_and_are_delivered_at_heal_on_the_same_connection(
        self, links: ProxiedLinks, orders: socket.socket, echo: EchoServer
    ) -> None:
        links.hurt(ORDERS, HOLD)
        orders.sendall(b"x" * 100)
        assert is_silent(orders)
        assert echo.received == b"hello"
        assert links.traffic()[ORDERS].request_bytes == 105
        links.heal(ORDERS)
        assert receive(orders, 100) == b"x" * 100
        assert links.dropped()[ORDERS] == DroppedBytes(requests=0, replies=0)

    def test_lost_reply_was_served_and_counts_as_dropped_after_heal(
        self, links: ProxiedLinks, orders: socket.socket, echo: EchoServer
    ) -> None:
        links.hurt(ORDERS, [LOSE_REPLY])
        orders.sendall(b"x" * 123)
        assert eventually(lambda: echo.received == b"hello" + b"x" * 123)
        assert is_silent(orders)
        links.heal(ORDERS)
        assert orders.recv(1) == b"", "removing a timeout closes the connection"
        wanted = DroppedBytes(requests=0, replies=123)
        assert eventually(lambda: links.dropped()[ORDERS] == wanted), links.dropped()
        assert links.dropped()[BILLS] == DroppedBytes(requests=0, replies=0)

    def test_lost_request_never_arrives_and_counts_as_dropped_after_heal(
        self, links: ProxiedLinks, orders: socket.socket, echo: EchoServer
    ) -> None:
        lose = Toxic(name="lose", type="timeout", stream=Stream.REQUESTS, attributes={"timeout": 0})
        links.hurt(ORDERS, [lose])
        orders.sendall(b"x" * 123)
        assert is_silent(orders)
        links.heal(ORDERS)
        wanted = DroppedBytes(requests=123, replies=0)
        assert eventually(lambda: links.dropped()[ORDERS] == wanted), links.dropped()
        assert echo.received == b"hello"

    def test_other_link_to_the_same_destination_is_left_alone(
        self, links: ProxiedLinks, orders: socket.socket
    ) -> None:
        links.hurt(ORDERS, HOLD)
        with connected(links.address(BILLS)) as bills:
            greet(bills)
        orders.sendall(b"x")
        assert is_silent(orders)

    def test_hurt_names_the_toxic_that_is_there_already(self, links: ProxiedLinks) -> None:
        links.hurt(ORDERS, HOLD)
        with pytest.raises(ToxiproxyError, match="toxic already exists"):
            links.hurt(ORDERS, HOLD)

    def test_heal_leaves_no_toxic_and_a_link_that_serves(
        self, links: ProxiedLinks, client: ToxiproxyClient, orders: socket.socket
    ) -> None:
        links.hurt(ORDERS, [*HOLD, LOSE_REPLY])
        links.heal(ORDERS)
        assert all(not proxy.toxics for proxy in client.proxies().values())
        with connected(links.address(ORDERS)) as again:
            greet(again)

    def test_heal_of_an_unhurt_link_keeps_its_connections(
        self, links: ProxiedLinks, orders: socket.socket
    ) -> None:
        links.heal(ORDERS)
        greet(orders)

    def test_heal_makes_a_deleted_proxy_again_on_its_port(
        self, links: ProxiedLinks, client: ToxiproxyClient
    ) -> None:
        before = links.address(ORDERS)
        client.delete("orders--payments")
        links.heal(ORDERS)
        assert links.address(ORDERS) == before
        with connected(before) as connection:
            greet(connection)

    def test_heal_opens_a_disabled_proxy(
        self, links: ProxiedLinks, client: ToxiproxyClient
    ) -> None:
        client.enable("orders--payments", is_enabled=False)
        links.heal(ORDERS)
        with connected(links.address(ORDERS)) as connection:
            greet(connection)

    def test_link_with_full_buffers_is_healed_in_bounded_time(
        self, client: ToxiproxyClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(toxiproxy, "TIMEOUT_S", 0.5)
        with ExitStack() as stack:
            deaf = stack.enter_context(EchoServer(is_reading=False))
            links = two_links(client, deaf)
            stack.callback(delete_all, client)
            slow = Toxic(
                name="slow", type="latency", stream=Stream.REQUESTS, attributes={"latency": 1}
            )
            links.hurt(ORDERS, [slow])
            fill(stack.enter_context(connected(links.address(ORDERS))))
            began = time.monotonic()
            links.heal(ORDERS)
            assert time.monotonic() - began < links_module.HEAL_WITHIN_S
            assert not client.proxies()["orders--payments"].toxics
            connected(links.address(ORDERS)).close()


def fill(connection: socket.socket) -> None:
    """Send until nobody takes any more."""
    connection.settimeout(0.3)
    with pytest.raises(TimeoutError):
        while True:
            connection.sendall(b"x" * (1 << 20))


class TestRenew:
    def test_renewed_link_has_its_port_and_nothing_of_before(
        self, links: ProxiedLinks, client: ToxiproxyClient, orders: socket.socket
    ) -> None:
        before = links.address(ORDERS)
        links.hurt(ORDERS, HOLD)
        links.renew()
        assert links.address(ORDERS) == before
        assert links.traffic()[ORDERS] == LinkTraffic(connections=0, request_bytes=0, reply_bytes=0)
        assert links.unclean() == []
        assert orders.recv(1) == b""
        with connected(before) as connection:
            greet(connection)

    def test_bytes_that_were_held_before_do_not_count_as_dropped_after(
        self, links: ProxiedLinks, orders: socket.socket
    ) -> None:
        for _ in range(5):
            links.hurt(ORDERS, [LOSE_REPLY])
            with connected(links.address(ORDERS)) as other:
                other.sendall(b"x" * 100)
                assert eventually(lambda: links.traffic()[ORDERS].request_bytes >= 100)
                links.renew()
            assert not eventually(lambda: links.dropped()[ORDERS].replies, within_s=0.1)

    def test_proxy_deleted_behind_its_back_is_made_again(
        self, links: ProxiedLinks, client: ToxiproxyClient
    ) -> None:
        client.delete("orders--payments")
        links.renew()
        assert links.unclean() == []


class TestUnclean:
    def test_new_links_are_clean(self, links: ProxiedLinks) -> None:
        assert links.unclean() == []

    def test_toxics_are_named(self, links: ProxiedLinks) -> None:
        links.hurt(ORDERS, HOLD)
        assert links.unclean() == [
            "link orders->payments has toxics ['hold-downstream', 'hold-upstream']"
        ]

    def test_open_connections_are_named(self, links: ProxiedLinks, orders: socket.socket) -> None:
        assert links.unclean() == ["link orders->payments has 1 open connections"]

    @pytest.mark.parametrize("is_deleted", [True, False], ids=["deleted", "disabled"])
    def test_proxy_that_does_not_accept_is_named(
        self, links: ProxiedLinks, client: ToxiproxyClient, is_deleted: bool
    ) -> None:
        if is_deleted:
            client.delete("orders--payments")
        else:
            client.enable("orders--payments", is_enabled=False)
        assert links.unclean() == ["link orders->payments has no open proxy"]
