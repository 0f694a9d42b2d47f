"""The client of Toxiproxy's API, against real servers and against one that does not answer."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from dtx.core.ports import Stream, Toxic
from dtx.targets.local.runtime import LocalRuntime
from dtx.targets.proxies import toxiproxy
from dtx.targets.proxies.toxiproxy import (
    DirectionBytes,
    ToxiproxyClient,
    ToxiproxyError,
    ToxiproxyNotFoundError,
)
from dtx.targets.runtime import Address

from .local_here import eventually, local_runtime, ready_client
from .tcp_servers import EchoServer, connected, receive

ANY_PORT = Address("127.0.0.1", 0)


@pytest.fixture(scope="module")
def runtime() -> Iterator[LocalRuntime]:
    with local_runtime() as runtime:
        yield runtime


@pytest.fixture(scope="module")
def server(runtime: LocalRuntime) -> ToxiproxyClient:
    return ready_client(runtime.launch_toxiproxy())


@pytest.fixture
def client(server: ToxiproxyClient) -> Iterator[ToxiproxyClient]:
    yield server
    for name in server.proxies():
        server.delete(name)


@pytest.fixture
def echo() -> Iterator[EchoServer]:
    with EchoServer() as echo:
        yield echo


def latency(name: str = "slow", ms: int = 10) -> Toxic:
    return Toxic(name=name, type="latency", stream=Stream.REPLIES, attributes={"latency": ms})


@pytest.mark.local
class TestOnARealServer:
    def test_version_is_told(self, client: ToxiproxyClient) -> None:
        assert client.version()

    def test_two_clients_side_by_side_talk_to_their_own_servers(
        self, client: ToxiproxyClient, echo: EchoServer
    ) -> None:
        with local_runtime() as second:
            other = ready_client(second.launch_toxiproxy())
            client.populate({"mine": (ANY_PORT, echo.address)})
            other.populate({"yours": (ANY_PORT, echo.address)})
            assert set(client.proxies()) == {"mine"}
            assert set(other.proxies()) == {"yours"}

    def test_populate_resolves_port_0(self, client: ToxiproxyClient, echo: EchoServer) -> None:
        made = client.populate({"a": (ANY_PORT, echo.address), "b": (ANY_PORT, echo.address)})
        assert made["a"].listen.port != made["b"].listen.port
        assert 0 not in {made["a"].listen.port, made["b"].listen.port}
        assert made["a"].upstream == echo.address
        with connected(made["a"].listen) as connection:
            connection.sendall(b"ping")
            assert receive(connection, 4) == b"ping"

    def test_populate_on_a_taken_port_is_refused_with_the_servers_words(
        self, client: ToxiproxyClient, echo: EchoServer
    ) -> None:
        with pytest.raises(ToxiproxyError, match="address already in use"):
            client.populate({"a": (echo.address, echo.address)})

    def test_two_toxics_of_one_name_are_refused(
        self, client: ToxiproxyClient, echo: EchoServer
    ) -> None:
        client.populate({"a": (ANY_PORT, echo.address)})
        client.add_toxic("a", latency())
        with pytest.raises(ToxiproxyError, match="toxic already exists"):
            client.add_toxic("a", latency())

    def test_toxic_is_added_and_removed(self, client: ToxiproxyClient, echo: EchoServer) -> None:
        client.populate({"a": (ANY_PORT, echo.address)})
        client.add_toxic("a", latency(ms=60))
        assert client.proxies()["a"].toxics == {"slow"}
        with connected(client.proxies()["a"].listen) as connection:
            began = time.monotonic()
            connection.sendall(b"ping")
            assert receive(connection, 4) == b"ping"
            assert time.monotonic() - began >= 0.055
        client.remove_toxic("a", "slow")
        assert client.proxies()["a"].toxics == frozenset()

    def test_removing_a_toxic_that_is_not_there_is_no_error(
        self, client: ToxiproxyClient, echo: EchoServer
    ) -> None:
        client.populate({"a": (ANY_PORT, echo.address)})
        client.remove_toxic("a", "never-was")

    def test_disabled_proxy_refuses_and_closes_and_enabled_accepts_on_the_same_port(
        self, client: ToxiproxyClient, echo: EchoServer
    ) -> None:
        listen = client.populate({"a": (ANY_PORT, echo.address)})["a"].listen
        with connected(listen) as before:
            before.sendall(b"ping")
            receive(before, 4)
            client.enable("a", is_enabled=False)
            assert before.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            connected(listen)
        assert not client.proxies()["a"].is_enabled
        client.enable("a", is_enabled=True)
        assert client.proxies()["a"].listen == listen
        with connected(listen) as after:
            after.sendall(b"pong")
            assert receive(after, 4) == b"pong"

    @pytest.mark.parametrize("call", ["delete", "enable", "add_toxic"])
    def test_unknown_proxy_is_not_found(self, client: ToxiproxyClient, call: str) -> None:
        with pytest.raises(ToxiproxyNotFoundError, match="nobody"):
            if call == "delete":
                client.delete("nobody")
            elif call == "enable":
                client.enable("nobody", is_enabled=True)
            else:
                client.add_toxic("nobody", latency())

    def test_finished_bytes_are_exact_in_both_directions(
        self, client: ToxiproxyClient, echo: EchoServer
    ) -> None:
        made = client.populate({"counted": (ANY_PORT, echo.address)})
        with connected(made["counted"].listen) as connection:
            connection.sendall(b"x" * 1234)
            receive(connection, 1234)
        whole = DirectionBytes(received=1234, sent=1234)

        def is_counted() -> bool:
            found = client.finished_bytes()
            return all(found.get(("counted", stream)) == whole for stream in Stream)

        assert eventually(is_counted), client.finished_bytes()


def test_misspelt_attribute_is_refused_before_anything_is_sent() -> None:
    nobody_listens = ToxiproxyClient(Address("127.0.0.1", 1))
    wrong = Toxic(name="t", type="latency", stream=Stream.REQUESTS, attributes={"latancy": 5})
    with pytest.raises(ToxiproxyError, match="latancy"):
        nobody_listens.add_toxic("a", wrong)


def test_unknown_type_of_toxic_is_refused_before_anything_is_sent() -> None:
    nobody_listens = ToxiproxyClient(Address("127.0.0.1", 1))
    wrong = Toxic(name="t", type="latentcy", stream=Stream.REQUESTS, attributes={})
    with pytest.raises(ToxiproxyError, match="there is no toxic latentcy"):
        nobody_listens.add_toxic("a", wrong)


def test_server_that_accepts_and_never_answers_is_an_error_after_the_time_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(toxiproxy, "TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        client = ToxiproxyClient(Address("127.0.0.1", mute.getsockname()[1]))
        for call in (client.version, lambda: client.enable("a", is_enabled=True)):
            began = time.monotonic()
            with pytest.raises(ToxiproxyError, match="did not answer"):
                call()
            assert 0.2 < time.monotonic() - began < 2


def test_server_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ToxiproxyError, match="did not answer /version: ConnectionError"):
        ToxiproxyClient(Address("127.0.0.1", 1)).version()


def test_answer_that_is_not_toxiproxys_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            connection.recv(1 << 16)
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            connection.close()

        threading.Thread(target=answer, daemon=True).start()
        client = ToxiproxyClient(Address("127.0.0.1", listener.getsockname()[1]))
        with pytest.raises(ToxiproxyError, match="not Toxiproxy's"):
            client.version()
