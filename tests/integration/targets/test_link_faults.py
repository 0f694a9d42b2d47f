"""What each link fault does to real connections through a real Toxiproxy of each runtime; whether its proof is true."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from dtx.chaos.episode import Episode
from dtx.chaos.exchanges import QUIET_MS
from dtx.chaos.fault import Ports
from dtx.chaos.faults import FAULTS
from dtx.chaos.plan import parse_schedule
from dtx.chaos.timer import StoppableTimer
from dtx.config.model import Link
from dtx.core.history import FaultEvent, FaultPhase
from dtx.core.schedule import Layer, Schedule
from dtx.targets.proxies.links import ProxiedLinks
from dtx.targets.proxies.toxiproxy import ToxiproxyClient
from dtx.verify.landing import Landing, judge_landing
from dtx.verify.timeline import build_timeline
from tests.support.fakes import (
    FakeCrashPoints,
    FakeDurability,
    FakeInFlight,
    FakeLinks,
    FakeNodes,
    FakeRecorder,
    FakeRowLocks,
    FakeSessions,
    FakeTimer,
)
from tests.support.shams import ShamLinks
from tests.support.systems import order_system

from .both_runtimes import RUNTIMES, open_runtime, runtime_of
from .local_here import eventually, ready_client
from .tcp_servers import EchoServer, connected, receive

LINK = "orders->payments"
ON_S = 0.5
SILENCE_S = 0.12
"""How long a test listens to a link that must be silent."""

SYSTEM = order_system(links=("client->orders", LINK))


@pytest.fixture(scope="module", params=RUNTIMES)
def client(request: pytest.FixtureRequest) -> Iterator[ToxiproxyClient]:
    with open_runtime(runtime_of(request)) as runtime:
        yield ready_client(runtime.launch_toxiproxy())


@pytest.fixture
def echo() -> Iterator[EchoServer]:
    with EchoServer() as echo:
        yield echo


class Bench:
    """One link to an echo server, a connection on it that was there before the fault, and one window of a fault."""

    def __init__(self, client: ToxiproxyClient, echo: EchoServer) -> None:
        self.client = client
        self.echo = echo
        self.links = ProxiedLinks(
            client, {"payments": echo.address}, [Link(source="orders", destination="payments")],
            speakers=["payments"] if echo.greeting else [],
        )  # fmt: skip
        self.old = self.connect()
        self.recorder = FakeRecorder()
        self._timer = StoppableTimer()
        self._thread: threading.Thread | None = None
        self._schedule: Schedule | None = None

    def connect(self) -> socket.socket:
        return connected(self.links.address(LINK), timeout_s=2.0)

    def rest(self) -> None:
        """Let the connection be idle so long that nobody can be waiting for an answer on it."""
        time.sleep(QUIET_MS * 1.3 / 1000)

    def begin(self, fault: str, on_s: float = ON_S, *, is_sham: bool = False) -> None:
        """Hurt the link, or only say so; return once it is hurt and the counters have settled."""
        self._schedule = parse_schedule(
            [f"{fault}@{LINK},at=0,for={on_s}" if "," not in fault else fault],
            SYSTEM,
            seed=7,
            duration_s=on_s,
        )
        (window,) = self._schedule.windows
        fakes = FakeTimer()
        nodes = FakeNodes(fakes, FakeLinks(fakes, ()), ())
        ports = Ports(
            links=ShamLinks(self.links) if is_sham else self.links,
            nodes=nodes,
            crash_points=FakeCrashPoints(nodes),
            recorder=self.recorder,
            in_flight=FakeInFlight(),
            sessions=FakeSessions(),
            row_locks=FakeRowLocks(),
            durability=FakeDurability(),
        )
        wound = FAULTS[window.fault].wound(window, (LINK,), ports, self._timer)
        self.episode = Episode(window, wound, ports, self._timer)
        self._thread = threading.Thread(
            target=self.episode.run, args=(time.monotonic_ns(),), daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + 3
        while not self.recorder.entries and time.monotonic() < deadline:
            time.sleep(0.005)
        (injected,) = self.recorder.faults(FaultPhase.INJECTED)
        assert not injected.error

    def wait(self) -> Landing:
        """Wait until it is healed, and judge."""
        assert self._thread
        assert self._schedule
        self._thread.join(timeout=10)
        (window,) = build_timeline(self._schedule, self.recorder.entries).windows
        return judge_landing(window)

    @property
    def healed(self) -> FaultEvent:
        (event,) = self.recorder.faults(FaultPhase.HEALED)
        return event

    def assert_serves(self) -> None:
        """A new connection works, promptly."""
        with self.connect() as new:
            # The best of three: the machine may be busy, a toxic that was left would slow all of them.
            assert min(greet(new, b"x" * 500) for _ in range(3)) < 80

    def close(self) -> None:
        self._timer.stop()
        if self._thread:
            self._thread.join(timeout=5)
        self.old.close()
        for name in self.client.proxies():
            self.client.delete(name)


@pytest.fixture
def bench(client: ToxiproxyClient, echo: EchoServer) -> Iterator[Bench]:
    bench = Bench(client, echo)
    yield bench
    bench.close()


def greet(connection: socket.socket, text: bytes = b"hello") -> float:
    """Send and receive the echo; return how long that took in ms."""
    began = time.monotonic()
    connection.sendall(text)
    assert receive(connection, len(text)) == text
    return (time.monotonic() - began) * 1000


def is_silent(connection: socket.socket) -> bool:
    connection.settimeout(SILENCE_S)
    try:
        return connection.recv(1) is None
    except TimeoutError:
        return True
    finally:
        connection.settimeout(2)


def end_of(connection: socket.socket) -> str:
    """Return how the other end closed: `fin`, or `rst`."""
    try:
        return "fin" if connection.recv(1) == b"" else "bytes"
    except ConnectionResetError:
        return "rst"


class TestSilence:
    @pytest.mark.parametrize("fault", ["partition", "stall", "stall-request", "stall-reply"])
    def test_held_bytes_are_delivered_at_healing_on_the_same_connection(
        self, bench: Bench, fault: str
    ) -> None:
        greet(bench.old)
        bench.begin(fault)
        bench.old.sendall(b"x" * 100)
        assert is_silent(bench.old)
        assert bench.echo.received.endswith(b"x") is (fault == "stall-reply")
        landing = bench.wait()
        assert receive(bench.old, 100) == b"x" * 100
        assert landing.has_landed, landing.reason
        greet(bench.old)
        bench.assert_serves()

    def test_a_reply_to_an_earlier_request_passes_a_stall_of_requests(self, bench: Bench) -> None:
        bench.old.close()
        with Slow(1.0) as server:  # on a busy machine the fault is on within that
            bench.links = one_link(bench.client, server)
            bench.old = bench.connect()
            bench.old.sendall(b"early")
            time.sleep(0.05)
            bench.begin("stall-request", on_s=4 * ON_S)
            assert receive(bench.old, 5) == b"early"
            bench.old.sendall(b"late!")
            landing = bench.wait()
        assert bench.healed.links[0].reply_bytes == 5
        assert landing.has_landed, landing.reason


class TestLoss:
    @pytest.mark.parametrize("fault", ["lose-request", "lose-reply"])
    def test_bytes_are_lost_and_the_connection_closed_at_healing(
        self, bench: Bench, fault: str
    ) -> None:
        greet(bench.old)
        bench.begin(fault)
        bench.old.sendall(b"x" * 100)
        assert is_silent(bench.old)
        assert bench.echo.received.endswith(b"x") is (fault == "lose-reply")
        landing = bench.wait()
        assert end_of(bench.old) == "fin"
        assert landing.has_landed, landing.reason
        link = bench.healed.links[0]
        assert link.dropped_request_bytes + link.dropped_reply_bytes == 100
        bench.assert_serves()

    def test_a_greeting_is_no_answer(self, client: ToxiproxyClient) -> None:
        with EchoServer(greeting=b"welcome") as echo:
            bench = Bench(client, echo)
            bench.begin("lose-request", on_s=3 * ON_S)
            until = time.monotonic() + ON_S
            while time.monotonic() < until:
                with bench.connect() as new:
                    assert receive(new, 7) == b"welcome"
                    new.sendall(b"my name")  # as a rule in the same tick of the kernel's clock
                    time.sleep(0.015)
            landing = bench.wait()
            assert landing.has_landed, landing.reason
            assert b"my name" not in echo.received
            bench.close()

    def test_an_answer_behind_a_greeting_is_one(self, client: ToxiproxyClient) -> None:
        with EchoServer(greeting=b"welcome") as echo:
            bench = Bench(client, echo)
            bench.begin("lose-request", is_sham=True)
            with bench.connect() as new:
                assert receive(new, 7) == b"welcome"
                greet(new)
                landing = bench.wait()
            assert not landing.has_landed
            assert "requests were answered" in landing.reason
            bench.close()


class TestRefusal:
    @pytest.mark.parametrize("fault", ["refuse", "partition:hard"])
    def test_connections_are_closed_and_refused_until_healing(
        self, bench: Bench, fault: str
    ) -> None:
        greet(bench.old)
        bench.begin(fault)
        assert end_of(bench.old) == "fin"
        with pytest.raises(ConnectionRefusedError):
            bench.connect()
        landing = bench.wait()
        assert landing.has_landed, landing.reason
        assert "closed: 1;" in landing.reason
        bench.assert_serves()


class TestReset:
    def test_a_new_connection_is_reset_at_its_answer(self, bench: Bench) -> None:
        greet(bench.old)
        bench.begin("reset")
        assert end_of(bench.old) == "fin"
        for _ in range(2):
            with bench.connect() as new:
                new.sendall(b"x" * 100)
                assert end_of(new) == "rst"
        assert bench.echo.received.endswith(b"x" * 200)
        landing = bench.wait()
        assert landing.has_landed, landing.reason
        assert bench.healed.links[0].dropped_reply_bytes == 200
        bench.assert_serves()


class TestCut:
    @pytest.mark.parametrize(
        ("argument", "arrives", "comes_back"),
        [("reply:40", 100, 40), ("40", 100, 40), ("request:40", 40, 40), ("0", 100, 0)],
    )
    def test_a_connection_that_was_there_is_closed_after_exactly_so_many_bytes(
        self, bench: Bench, argument: str, arrives: int, comes_back: int
    ) -> None:
        greet(bench.old)
        bench.begin(f"cut-at:{argument}")
        bench.old.sendall(b"x" * 100)
        got = receive(bench.old, 101)
        assert len(got) <= comes_back
        if "request" not in argument:
            assert len(got) == comes_back
        assert eventually(lambda: bench.echo.received == b"hello" + b"x" * arrives)
        landing = bench.wait()
        assert landing.has_landed, landing.reason
        link = bench.healed.links[0]
        assert link.dropped_request_bytes == 100 - arrives
        bench.assert_serves()

    def test_each_new_connection_is_cut_too(self, bench: Bench) -> None:
        bench.begin("cut-at:40")
        for _ in range(2):
            with bench.connect() as new:
                new.sendall(b"x" * 30)
                assert receive(new, 30) == b"x" * 30
                new.sendall(b"x" * 30)
                assert receive(new, 30) == b"x" * 10
        assert bench.wait().has_landed
        assert bench.healed.links[0].dropped_reply_bytes == 40

    def test_a_cut_at_the_end_of_a_message_is_seen(self, bench: Bench) -> None:
        greet(bench.old)
        bench.begin("cut-at:40")
        time.sleep(0.03)
        bench.old.sendall(b"x" * 40)
        assert receive(bench.old, 41) == b"x" * 40
        landing = bench.wait()
        assert bench.healed.links[0].dropped_reply_bytes == 0
        assert landing.has_landed, landing.reason

    def test_a_connection_that_does_not_come_so_far_lives_on(self, bench: Bench) -> None:
        greet(bench.old)
        bench.begin("cut-at:1KB")
        greet(bench.old)
        assert not bench.wait().has_landed
        greet(bench.old)


class TestDelay:
    def test_slow_delays_each_direction(self, bench: Bench) -> None:
        greet(bench.old)
        bench.begin("slow:60ms")
        assert 120 <= greet(bench.old, b"one") < 500
        assert 120 <= greet(bench.old, b"two") < 500
        landing = bench.wait()
        assert landing.has_landed, landing.reason
        link = bench.healed.links[0]
        assert link.answered == link.touched >= 1
        assert greet(bench.old) < 60

    def test_what_slow_keeps_is_delivered_at_healing(self, bench: Bench) -> None:
        bench.begin("slow:5s", on_s=0.2)
        bench.old.sendall(b"x" * 50)
        assert receive(bench.old, 50) == b"x" * 50
        bench.wait()
        bench.assert_serves()

    def test_jitter_follows_the_schedule(self, bench: Bench) -> None:
        bench.begin(f"jitter:50ms@{LINK},at=0,for=1,every=250ms", on_s=1.0)
        (window,) = bench._schedule.windows if bench._schedule else ()
        began = time.monotonic()
        while time.monotonic() - began < 0.9:
            greet(bench.old)
        landing = bench.wait()
        assert len({step.value for step in window.steps}) > 1
        assert landing.has_landed, landing.reason

    def test_throttle_paces_bytes(self, bench: Bench) -> None:
        greet(bench.old)
        bench.rest()
        bench.begin("throttle:10KB")
        time.sleep(0.02)
        assert 180 <= greet(bench.old, b"x" * 1000) < 600
        landing = bench.wait()
        assert landing.has_landed, landing.reason
        assert greet(bench.old, b"x" * 1000) < 60

    def test_a_throttle_that_is_too_wide_does_not_land(self, bench: Bench) -> None:
        bench.begin("throttle:1000KB")
        greet(bench.old, b"x" * 1000)
        assert not bench.wait().has_landed


class TestPieces:
    def test_fragments_arrive_apart(self, bench: Bench) -> None:
        greet(bench.old)
        bench.rest()
        bench.begin("fragment:10")
        time.sleep(0.02)
        bench.old.sendall(b"x" * 200)
        pieces: list[int] = []
        while sum(pieces) < 200:
            pieces.append(len(bench.old.recv(1000)))
        assert len(pieces) >= 10
        landing = bench.wait()
        assert landing.has_landed, landing.reason
        assert greet(bench.old, b"x" * 200) < 20

    def test_messages_that_are_short_anyway_do_not_land(self, bench: Bench) -> None:
        bench.begin("fragment:10")
        greet(bench.old)
        assert not bench.wait().has_landed


class TestSlowClose:
    def test_the_destination_learns_late_that_the_source_has_closed(self, bench: Bench) -> None:
        bench.begin("slow-close:150ms", on_s=1.0)
        with bench.connect() as new:
            assert greet(new) < 60
            new.shutdown(socket.SHUT_WR)
            began = time.monotonic()
            assert end_of(new) == "fin"
            assert 0.3 <= time.monotonic() - began < 1.2
        landing = bench.wait()
        assert landing.has_landed, landing.reason

    def test_an_idle_connection_that_its_source_would_keep_is_retired(self, bench: Bench) -> None:
        greet(bench.old)
        time.sleep(0.02)
        bench.begin("slow-close:150ms", on_s=1.0)
        assert end_of(bench.old) == "fin"
        landing = bench.wait()
        assert landing.has_landed, landing.reason
        bench.assert_serves()

    def test_where_none_is_idle_one_in_use_is_ended_and_still_has_its_answer(
        self, bench: Bench
    ) -> None:
        bench.old.close()
        with Slow(0.06) as server:
            bench.links = one_link(bench.client, server)
            bench.old = bench.connect()
            asked = [b"a"]
            answered: list[bytes] = []
            bench.old.sendall(b"a")

            def ask_at_once() -> None:
                with contextlib.suppress(BrokenPipeError):
                    while b"" not in answered:
                        answered.append(receive(bench.old, 1))
                        bench.old.sendall(b"a")
                        asked.append(b"a")

            asking = threading.Thread(target=ask_at_once, daemon=True)
            asking.start()
            bench.begin("slow-close:150ms", on_s=1.5)
            landing = bench.wait()
            asking.join(timeout=5)
        assert answered == asked, "the next request was refused, none was lost"
        assert landing.has_landed, landing.reason


class TestFlap:
    def test_it_is_on_and_off_as_the_schedule_says(self, bench: Bench) -> None:
        bench.begin(f"flap:stall@{LINK},at=0,for=1,every=500ms", on_s=1.0)
        took = []
        began = time.monotonic()
        while time.monotonic() - began < 0.85:
            took.append(greet(bench.old))
            time.sleep(0.005)
        landing = bench.wait()
        assert landing.has_landed, landing.reason
        assert sum(ms > 60 for ms in took) == 2
        assert sum(ms < 60 for ms in took) > 5


EVERY_FAULT = [
    *("partition", "partition:hard", "lose-request", "lose-reply"),
    *("stall", "stall-request", "stall-reply", "refuse", "reset", "cut-at:40"),
    *("slow:60ms", "jitter", "throttle", "fragment:2", "slow-close:50ms", "flap:partition"),
]


def test_every_link_fault_is_here() -> None:
    on_links = {fault.name for fault in FAULTS.values() if fault.layer is Layer.LINK}
    assert {fault.partition(":")[0] for fault in EVERY_FAULT} == on_links


@pytest.mark.parametrize("fault", EVERY_FAULT)
def test_a_fault_that_is_not_carried_out_does_not_land_on_live_traffic(
    bench: Bench, fault: str
) -> None:
    bench.begin(fault, is_sham=True)
    began = time.monotonic()
    lasting = bench.connect()
    while time.monotonic() - began < ON_S - 0.1:
        with contextlib.suppress(OSError, AssertionError):  # slow-close retires it
            greet(lasting, b"x" * 300)
        with bench.connect() as short:
            greet(short)
        time.sleep(0.02)
    landing = bench.wait()
    lasting.close()
    assert not landing.has_landed, landing.reason
    greet(bench.old)


@pytest.mark.parametrize("fault", EVERY_FAULT)
def test_without_traffic_no_fault_lands_and_all_heal(bench: Bench, fault: str) -> None:
    bench.begin(fault, on_s=0.3)
    landing = bench.wait()
    assert not landing.has_landed, landing.reason
    assert bench.healed.is_healed, bench.healed.error
    assert not bench.healed.error
    bench.assert_serves()


def one_link(client: ToxiproxyClient, server: EchoServer) -> ProxiedLinks:
    for name in client.proxies():
        client.delete(name)
    return ProxiedLinks(
        client, {"payments": server.address}, [Link(source="orders", destination="payments")]
    )


class Slow(EchoServer):
    """An echo server that thinks before it answers."""

    def __init__(self, think_s: float) -> None:
        self._think_s = think_s
        super().__init__()

    def _echo(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := connection.recv(1 << 16):
                time.sleep(self._think_s)
                connection.sendall(chunk)
