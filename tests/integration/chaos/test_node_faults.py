"""Faults on a real database and a real worker of each runtime: what the other end sees, what healing does, when they land."""

import contextlib
import http.client
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from dtx.chaos.faults import FAULTS as REGISTRY
from dtx.config.loader import load_system
from dtx.core.history import FaultPhase
from dtx.core.schedule import Layer
from dtx.targets import process_tree
from dtx.targets.docker.server import DockerServer
from dtx.targets.environment import Environment
from dtx.targets.postgres.target import PostgresTarget
from dtx.targets.provision import provisioned
from tests.integration.targets.both_runtimes import RUNTIMES, runtime_of
from tests.integration.targets.local_here import eventually
from tests.integration.targets.till_system import DATABASE_URL, TILL_URL, post

from .live_till import Stage, write_live_till

FOR_S = 0.7
FAULTS = [
    ("kill", "till"),
    ("kill", "till-db"),
    ("restart", "till"),
    ("restart", "till-db"),
    ("pause", "till"),
    ("pause", "till-db"),
    ("zombie", "till"),
    ("crash-at:after-commit", "till"),
    ("power-loss", "till"),
    ("terminate-backends", "till-db"),
    ("lock:accounts", "till-db"),
    ("lock:busiest", "till-db"),
]


@pytest.fixture(scope="module", params=RUNTIMES)
def held(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Environment]:
    system = load_system(write_live_till(tmp_path_factory.mktemp("system")))
    with provisioned(system, runtime_of(request)) as environment:
        environment.start()
        yield environment


@pytest.fixture
def stage(held: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    if not held.nodes.is_alive("till"):
        held.start_workers(tmp_path_factory.mktemp("logs"), watched=["till"])
    yield Stage(held)
    held.reset()


@contextlib.contextmanager
def session(stage: Stage, *, through_link: bool = True) -> Iterator["psycopg.Connection[Any]"]:
    """Give a session of the system, as its worker has one: through the link, and not by the harness's name."""
    url = stage.environment.url(DATABASE_URL)
    if through_link:
        url = stage.environment.resolver("till")(DATABASE_URL)
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        yield connection


@contextlib.contextmanager
def kept_connection(stage: Stage) -> Iterator[http.client.HTTPConnection]:
    url = stage.environment.client_url(TILL_URL).removeprefix("http://")
    with contextlib.closing(http.client.HTTPConnection(url, timeout=5)) as connection:
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        yield connection


def serves(stage: Stage) -> bool:
    try:
        return post(stage.environment.client_url(TILL_URL), "after") == 201
    except (OSError, http.client.HTTPException):
        return False


@pytest.mark.parametrize(("fault", "target"), FAULTS)
def test_fault_lands_on_live_work_and_the_system_serves_once_healed(
    stage: Stage, fault: str, target: str
) -> None:
    with stage.load.running():
        if fault == "lock:busiest":
            assert eventually(lambda: are_updates_counted(stage), within_s=10)
        landing = stage.landing(fault, target, for_s=FOR_S)
        assert landing.has_landed, landing.reason
    assert eventually(lambda: serves(stage), within_s=10)


@pytest.mark.parametrize(("fault", "target"), [f for f in FAULTS if f[0] != "lock:busiest"])
def test_fault_on_an_idle_system_does_not_land(stage: Stage, fault: str, target: str) -> None:
    assert serves(stage)
    landing = stage.landing(fault, target, for_s=0.2)
    assert not landing.has_landed
    assert any(
        words in landing.reason
        for words in ("no transaction was under way", "did not pass the crash point")
    )


@pytest.mark.parametrize(("fault", "target"), [f for f in FAULTS if f[0] != "lock:busiest"])
def test_fault_that_is_not_carried_out_does_not_land_on_live_work(
    stage: Stage, fault: str, target: str
) -> None:
    with stage.load.running():
        landing = stage.landing(fault, target, for_s=0.3, is_sham=True)
    assert not landing.has_landed, landing.reason
    assert serves(stage)


def test_every_fault_of_nodes_is_here() -> None:
    of_nodes = {fault.name for fault in REGISTRY.values() if fault.layer is Layer.NODE}
    assert {fault.partition(":")[0] for fault, _ in FAULTS} == of_nodes


class TestKill:
    def test_database_breaks_an_open_session_and_keeps_what_was_committed(
        self, stage: Stage
    ) -> None:
        with session(stage) as connection:
            connection.execute("insert into payments values ('before', 5)")
            connection.execute("begin; insert into payments values ('open', 5)")
            stage.play("kill", "till-db", for_s=0.3, meanwhile=lambda: None)
            with pytest.raises(psycopg.OperationalError):
                connection.execute("commit")
        with session(stage) as connection:
            paid = {tx for (tx,) in connection.execute("select tx from payments").fetchall()}
        assert paid == {"before"}

    @pytest.mark.parametrize("fault", ["kill", "power-loss"])
    def test_worker_breaks_a_kept_connection(self, stage: Stage, fault: str) -> None:
        with kept_connection(stage) as connection:
            stage.play(fault, "till", for_s=0.3, meanwhile=lambda: None)
            with pytest.raises((OSError, http.client.HTTPException)):
                connection.request("GET", "/healthz")
                connection.getresponse()
        assert serves(stage)


class TestCrashAt:
    def test_worker_dies_between_its_commit_and_its_answer(self, stage: Stage) -> None:
        with kept_connection(stage) as connection:

            def pay() -> None:
                with pytest.raises((OSError, http.client.HTTPException)):
                    connection.request("POST", "/pay", body=b"mine")
                    connection.getresponse()

            window = stage.play("crash-at:after-commit", "till", for_s=FOR_S, meanwhile=pay)
        assert window.healed is not None
        assert window.healed.nodes[0].tx == "mine"
        with session(stage) as connection_of_db:
            assert connection_of_db.execute("select tx from payments").fetchall() == [("mine",)]


class TestPowerLoss:
    def test_what_the_worker_had_not_synced_is_gone(self, stage: Stage) -> None:
        journal = stage.environment._scope.folder / "data" / "till" / "journal.log"
        assert serves(stage)
        kept = journal.read_bytes()
        assert kept == b"after\n"
        with journal.open("ab") as unsynced:
            unsynced.write(b"never promised\n")
        window = stage.play("power-loss", "till", for_s=0.3, meanwhile=lambda: None)
        assert window.healed is not None
        (evidence,) = window.healed.nodes
        assert (evidence.durable_files, evidence.cut_bytes, evidence.unseen) == (1, 15, "")
        assert journal.read_bytes() == kept


def database(stage: Stage) -> PostgresTarget:
    target = stage.environment._databases["till-db"]
    assert isinstance(target, PostgresTarget)
    return target


class TestPause:
    def test_worker_is_silent_on_a_kept_connection_and_answers_on_it_once_it_goes_on(
        self, stage: Stage
    ) -> None:
        with kept_connection(stage) as connection:

            def ask() -> None:
                connection.request("GET", "/healthz")
                assert connection.sock is not None
                connection.sock.settimeout(0.3)
                with pytest.raises(TimeoutError):
                    connection.sock.recv(1)
                connection.sock.settimeout(5)

            stage.play("pause", "till", for_s=FOR_S, meanwhile=ask)
            assert connection.getresponse().status == 200

    def test_database_is_silent_on_an_open_session_and_carries_out_once_it_goes_on(
        self, stage: Stage
    ) -> None:
        with session(stage) as connection:
            before = connection.info.backend_pid

            def pay() -> None:
                connection.pgconn.send_query(b"insert into payments values ('meanwhile', 5)")
                connection.pgconn.flush()

            stage.play("pause", "till-db", for_s=FOR_S, meanwhile=pay)
            while connection.pgconn.get_result():
                pass
            assert connection.info.backend_pid == before
            paid = connection.execute("select tx from payments").fetchall()
            assert ("meanwhile",) in paid

    def test_every_process_is_stopped_and_none_afterwards(self, stage: Stage) -> None:
        seen: list[bool] = []

        def look() -> None:
            seen.extend(process_tree.is_stopped(p) for p in processes_of_database(stage))

        window = stage.play("pause", "till-db", for_s=1.5, meanwhile=look)
        assert len(seen) >= 5
        assert all(seen)
        assert window.healed is not None
        assert window.healed.nodes[0].processes == len(seen)
        assert not any(process_tree.is_stopped(p) for p in processes_of_database(stage))


class TestRestart:
    def test_database_tells_an_open_session_and_keeps_what_was_committed(
        self, stage: Stage
    ) -> None:
        with session(stage) as connection:
            connection.execute("insert into payments values ('before', 5)")
            connection.execute("begin; insert into payments values ('open', 5)")
            stage.play("restart", "till-db", for_s=0.3)
            with pytest.raises(psycopg.errors.AdminShutdown):
                connection.execute("commit")
        with session(stage) as connection:
            paid = {tx for (tx,) in connection.execute("select tx from payments").fetchall()}
        assert paid == {"before"}
        changes = [change for _, change, _ in stage.recorder.processes()]
        assert changes == ["stopped", "started", "ready"]

    def test_worker_closes_a_kept_connection(self, stage: Stage) -> None:
        with kept_connection(stage) as connection:
            stage.play("restart", "till", for_s=0.3)
            with pytest.raises((OSError, http.client.HTTPException)):
                connection.request("GET", "/healthz")
                connection.getresponse()


class TestTerminateBackends:
    def test_open_session_ends_and_the_server_and_the_harness_go_on(self, stage: Stage) -> None:
        with session(stage, through_link=False) as own:
            started_at = own.execute("select pg_postmaster_start_time()").fetchone()
        with (
            session(stage) as connection,
            database(stage).session() as ours,
        ):
            connection.execute("begin; insert into payments values ('open', 5)")
            window = stage.play("terminate-backends", "till-db", for_s=0.2)
            with pytest.raises(psycopg.errors.AdminShutdown):
                connection.execute("commit")
            assert ours.execute("select pg_postmaster_start_time()").fetchone() == started_at
            assert ours.execute("select count(*) from payments").fetchone() == (0,)
        assert window.healed is not None
        assert window.healed.nodes[0].busy == 1

    def test_sessions_end_at_a_moment_when_one_is_busy(self, stage: Stage) -> None:
        sessions = stage.environment.sessions
        with session(stage) as busy, session(stage) as idle:
            idle.execute("select 1")

            def work() -> None:
                with contextlib.suppress(psycopg.errors.AdminShutdown):
                    busy.execute("select pg_sleep(3)")

            waiting = threading.Timer(0.2, work)
            waiting.start()
            ended = sessions.end("till-db", within_s=5)
            waiting.join()
            assert (ended.sessions, ended.busy) == (2, 1)
            assert sessions.count("till-db") == 0

    def test_idle_sessions_end_when_the_time_is_over(self, stage: Stage) -> None:
        with session(stage):
            ended = stage.environment.sessions.end("till-db", within_s=0.1)
        assert (ended.sessions, ended.busy) == (1, 0)

    def test_database_without_sessions_has_none_to_end(self, stage: Stage) -> None:
        ended = stage.environment.sessions.end("till-db", within_s=0.1)
        assert (ended.sessions, ended.busy) == (0, 0)


class TestLock:
    def test_update_waits_and_goes_through_once_released_and_others_do_not_wait(
        self, stage: Stage
    ) -> None:
        with session(stage) as waiting, session(stage) as other:

            def work() -> None:
                other.execute("set lock_timeout = '200ms'")
                with pytest.raises(psycopg.errors.LockNotAvailable):
                    other.execute("update accounts set balance = 7 where id = 2")
                other.execute("insert into accounts values (3, 0)")
                other.execute("insert into payments values ('other', 5)")
                assert other.execute("select count(*) from accounts").fetchone() == (3,)
                waiting.pgconn.send_query(b"update accounts set balance = 8 where id = 2")
                waiting.pgconn.flush()

            window = stage.play("lock:accounts", "till-db", for_s=FOR_S, meanwhile=work)
            while waiting.pgconn.get_result():
                pass
            row = waiting.execute("select balance from accounts where id = 2").fetchone()
        assert row == (8,)
        assert window.healed is not None
        (evidence,) = window.healed.nodes
        assert (evidence.table, evidence.rows, evidence.waiters) == ("accounts", 2, 2)

    def test_who_waits_behind_a_waiter_is_counted(self, stage: Stage) -> None:
        with session(stage) as first, session(stage) as second:

            def queue() -> None:
                for waiting in (first, second):
                    waiting.pgconn.send_query(b"update accounts set balance = 8 where id = 2")
                    waiting.pgconn.flush()

            window = stage.play("lock:accounts", "till-db", for_s=1.5, meanwhile=queue)
            for waiting in (first, second):
                while waiting.pgconn.get_result():
                    pass
        assert window.healed is not None
        assert window.healed.nodes[0].waiters == 2

    def test_busiest_table_is_not_one_whose_rows_each_transaction_makes_for_itself(
        self, stage: Stage
    ) -> None:
        with session(stage) as own:
            for number in range(9):
                own.execute("insert into payments values (%s, 5)", (str(number),))
                own.execute("update payments set amount = 6 where tx = %s", (str(number),))
            for _ in range(4):
                own.execute("update accounts set balance = balance - 5 where id = 1")
            own.execute("select pg_stat_force_next_flush()")
        window = stage.play("lock:busiest", "till-db", for_s=1.5, meanwhile=lambda: None)
        assert window.healed is not None
        assert window.healed.nodes[0].table == "public.accounts"

    def test_table_that_there_is_not_is_named_with_those_that_there_are(self, stage: Stage) -> None:
        window = stage.play("lock:acounts", "till-db", for_s=0.2)
        (injected,) = stage.recorder.faults(FaultPhase.INJECTED)
        assert "no table named 'acounts'; there is: accounts, open_payments" in injected.error
        assert window.healed is not None
        assert window.healed.is_healed

    def test_rows_that_another_holds_are_an_error_and_nothing_stays_locked(
        self, stage: Stage
    ) -> None:
        with session(stage) as holder:
            holder.execute("begin; update accounts set balance = 1 where id = 1")
            stage.play("lock:accounts", "till-db", for_s=0.2)
            holder.execute("rollback")
        (injected,) = stage.recorder.faults(FaultPhase.INJECTED)
        assert "lock timeout" in injected.error
        with session(stage) as other:
            other.execute("set lock_timeout = '200ms'")
            other.execute("update accounts set balance = 7")


def are_updates_counted(stage: Stage) -> bool:
    """Whether the server's statistics, which it writes once a second, have seen an update."""
    with session(stage, through_link=False) as connection:
        row = connection.execute("select sum(n_tup_upd) from pg_stat_user_tables").fetchone()
        return row is not None and bool(row[0])


def processes_of_database(stage: Stage) -> set[int]:
    """Return the processes of the database, be they in a container or not, as this machine numbers them."""
    server = stage.environment._databases["till-db"].server
    if isinstance(server, DockerServer):
        top = server._engine.api.top(server._container, ps_args="-eo pid")
        return {int(row[0]) for row in top["Processes"]}
    return process_tree.working_below(stage.environment._scope.folder / "till-db")
