"""A till whose worker holds one session, a client that keeps one connection, and one window of a fault on them."""

import contextlib
import http.client
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from dtx.chaos.episode import Episode
from dtx.chaos.fault import Ports
from dtx.chaos.faults import FAULTS
from dtx.chaos.timer import StoppableTimer
from dtx.core.history import FaultEvent, FaultPhase
from dtx.core.schedule import Window
from dtx.targets.environment import Environment
from dtx.verify.landing import Landing, judge_landing
from dtx.verify.timeline import FaultWindow
from tests.integration.targets.local_here import eventually
from tests.integration.targets.till_system import SYSTEM, TILL_URL, write_till
from tests.support.fakes import FakeRecorder
from tests.support.shams import ShamCrashPoints, ShamNodes, ShamRowLocks, ShamSessions

SCHEMA = """
create table payments (tx text, amount int);
create table open_payments (tx text, since timestamptz not null default now());
create table accounts (id int primary key, balance int not null);
insert into accounts values (1, 1000000), (2, 0);
"""

# Each request is a transaction of some ms on the one session that the worker holds.
TILL = """
import http.server, json, os, signal, socketserver, threading, psycopg

JOURNAL = open(os.environ["DTX_DATA_DIR"] + "/journal.log", "ab", buffering=0)

def crash_point(tx):
    path = os.environ["DTX_CRASH_FILE"]
    if not os.path.exists(path):
        return
    with open(path, "r+") as file:
        if json.loads(file.readline())["point"] == "after-commit":
            file.seek(0, os.SEEK_END)
            file.write("reached " + tx + chr(10))
            file.flush()
            os.fsync(file.fileno())
            os.kill(os.getpid(), signal.SIGKILL)

class Till(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lock = threading.Lock()
    session = None

    def do_GET(self):
        self.answer(200)

    def do_POST(self):
        tx = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with Till.lock:
            try:
                if Till.session is None or Till.session.closed:
                    Till.session = psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=2)
                with Till.session.transaction():
                    Till.session.execute("update accounts set balance = balance - 5 where id = 1")
                    Till.session.execute("select pg_sleep(0.02)")
                    Till.session.execute("insert into payments values (%s, 5)", (tx,))
                crash_point(tx)
                JOURNAL.write(tx.encode() + bytes([10]))
                os.fsync(JOURNAL.fileno())
                self.answer(201)
            except psycopg.OperationalError:
                Till.session = None
                self.answer(503)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass

class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

Server(("127.0.0.1", int(os.environ["PORT"])), Till).serve_forever()
"""


def write_live_till(folder: Path) -> Path:
    lasting = SYSTEM.replace("[workers.till]", '[workers.till]\ndurable = ["journal.log"]')
    return write_till(folder, {"system.toml": lasting, "till.sql": SCHEMA, "till.py": TILL})


class Load:
    """Knows how many requests are under way, as `core.ports.InFlight`; has a client if it is to be live."""

    def __init__(self, url: str) -> None:
        self._url = url.removeprefix("http://")
        self._over = threading.Event()
        self._in_flight = 0
        self.statuses: list[int] = []
        self.is_assumed = False

    def count(self) -> int:
        return 1 if self.is_assumed else self._in_flight

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._submit)
        thread.start()
        try:
            assert eventually(lambda: 201 in self.statuses)
            yield
        finally:
            self._over.set()
            thread.join(10)

    def _submit(self) -> None:
        connection = http.client.HTTPConnection(self._url, timeout=5)
        while not self._over.is_set():
            self._in_flight = 1
            try:
                connection.request("POST", "/pay", body=b"t")
                self.statuses.append(connection.getresponse().status)
            except (OSError, http.client.HTTPException):
                connection.close()
                time.sleep(0.02)  # as a client that tries again
            self._in_flight = 0
        connection.close()


class Stage:
    """One environment on which windows are played."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.load = Load(environment.client_url(TILL_URL))
        self.recorder = FakeRecorder()

    def play(
        self,
        fault: str,
        target: str,
        *,
        for_s: float,
        meanwhile: Callable[[], None] | None = None,
        is_sham: bool = False,
    ) -> FaultWindow:
        """Run one window to its end, or only pretend to; `meanwhile` runs while it is on."""
        name, _, arg = fault.partition(":")
        window = Window(
            index=0, fault=name, layer=FAULTS[name].layer, proof=FAULTS[name].proof,
            targets=(target,), at_s=0, until_s=for_s, arg=arg or None,
        )  # fmt: skip
        # What the test itself does meanwhile is the live work: the fault need not wait for any.
        self.load.is_assumed = meanwhile is not None
        timer = StoppableTimer()
        ports = self._sham_ports() if is_sham else self._ports()
        wound = FAULTS[name].wound(window, window.targets, ports, timer)
        episode = Episode(window, wound, ports, timer)
        with ThreadPoolExecutor(1) as pool:
            run: Future[None] = pool.submit(episode.run, timer.now_ns())
            if meanwhile is not None:
                assert eventually(lambda: self.recorder.faults(FaultPhase.INJECTED))
                meanwhile()
            run.result(timeout=30)
        return FaultWindow(
            plan=window,
            injected=self._last(FaultPhase.INJECTED),
            healed=self._last(FaultPhase.HEALED),
            history_end_ns=timer.now_ns(),
        )

    def landing(self, fault: str, target: str, *, for_s: float, is_sham: bool = False) -> Landing:
        return judge_landing(self.play(fault, target, for_s=for_s, is_sham=is_sham))

    def _last(self, phase: FaultPhase) -> FaultEvent:
        return self.recorder.faults(phase)[-1]

    def _ports(self) -> Ports:
        return Ports(
            links=self.environment.links,
            nodes=self.environment.nodes,
            crash_points=self.environment.crash_points,
            sessions=self.environment.sessions,
            row_locks=self.environment.row_locks,
            durability=self.environment.durability,
            recorder=self.recorder,
            in_flight=self.load,
        )

    def _sham_ports(self) -> Ports:
        environment = self.environment
        return replace(
            self._ports(),
            nodes=ShamNodes(environment.nodes),
            crash_points=ShamCrashPoints(),
            sessions=ShamSessions(),
            row_locks=ShamRowLocks(environment.row_locks),
        )
