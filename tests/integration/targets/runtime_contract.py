"""What every runtime promises, on real servers. A runtime's tests inherit `RuntimeContract`."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
import requests

from dtx.core.deadline import Deadline, poll_until
from dtx.core.errors import ProvisionError
from dtx.targets.mariadb.target import MariaDbTarget
from dtx.targets.postgres.setup import SETTINGS, USER
from dtx.targets.runtime import Runtime, ServerProcess

READY_WITHIN_S = 30.0


def query(server: ServerProcess, sql: str) -> list[tuple[Any, ...]]:
    """Run one statement over a new connection; return its rows, if it has any."""
    with psycopg.connect(
        host=server.address.host,
        port=server.address.port,
        user=USER,
        dbname="postgres",
        autocommit=True,
        connect_timeout=2,
    ) as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


def wait_for_queries(server: ServerProcess) -> None:
    """Wait until the server answers a query; fail with its last output."""

    def answers() -> bool:
        try:
            return query(server, "select 1") == [(1,)]
        except psycopg.OperationalError:
            return False

    assert poll_until(answers, Deadline.after(READY_WITHIN_S)), server.last_output()


def toxiproxy_get(server: ServerProcess, path: str) -> requests.Response:
    """GET from Toxiproxy's API, waiting until it listens."""
    deadline = Deadline.after(READY_WITHIN_S)
    while True:
        try:
            return requests.get(f"http://{server.address}{path}", timeout=2)
        except requests.ConnectionError:
            assert not deadline.is_over, server.last_output()
            time.sleep(0.02)


def accepts(server: ServerProcess) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((server.address.host, server.address.port)) == 0


class RuntimeContract:
    """Inherit, and give a fixture `runtime` that closes what it yields."""

    @pytest.fixture
    def runtime(self) -> Runtime:
        raise NotImplementedError

    @pytest.fixture
    def postgres(self, runtime: Runtime) -> ServerProcess:
        server = runtime.launch_postgres("accounts-db")
        wait_for_queries(server)
        return server

    def test_versions_name_postgres_and_toxiproxy(self, runtime: Runtime) -> None:
        versions = runtime.versions()
        assert int(versions["postgres"].split(".")[0]) >= 13
        assert versions["toxiproxy"]

    def test_postgres_listens_on_loopback_below_the_ephemeral_ports(
        self, postgres: ServerProcess
    ) -> None:
        assert postgres.address.host == "127.0.0.1"
        assert postgres.address.port < 32768

    @pytest.mark.parametrize(
        "name", ["max_prepared_transactions", "track_commit_timestamp", "wal_level"]
    )
    def test_postgres_has_the_settings_of_the_cluster(
        self, postgres: ServerProcess, name: str
    ) -> None:
        assert query(postgres, f"show {name}") == [(SETTINGS[name],)]

    def test_postgres_keeps_its_promises_about_durability(self, postgres: ServerProcess) -> None:
        assert query(postgres, "show fsync") == [("on",)]
        assert query(postgres, "show synchronous_commit") == [("on",)]

    def test_versions_agree_with_the_running_server(
        self, runtime: Runtime, postgres: ServerProcess
    ) -> None:
        ((said,),) = query(postgres, "show server_version")
        assert said.split()[0] == runtime.versions()["postgres"].split()[0]

    def test_servers_launched_from_several_threads_are_separate(self, runtime: Runtime) -> None:
        with ThreadPoolExecutor(4) as pool:
            toxiproxy = pool.submit(runtime.launch_toxiproxy)
            servers = list(pool.map(runtime.launch_postgres, ["a-db", "b-db", "c-db"]))
        for server in servers:
            wait_for_queries(server)
            query(server, "create table only_once (id int)")
        assert toxiproxy_get(toxiproxy.result(), "/version").ok
        ports = {s.address.port for s in [*servers, toxiproxy.result()]}
        assert len(ports) == 4

    def test_kill_ends_every_process_and_counts_them(self, postgres: ServerProcess) -> None:
        with psycopg.connect(
            host=postgres.address.host, port=postgres.address.port, user=USER, dbname="postgres"
        ):
            death = postgres.kill()
        # The postmaster, its background processes and the one session.
        assert death.processes >= 5
        assert not postgres.is_alive()
        assert not accepts(postgres)

    def test_kill_of_a_dead_server_kills_nobody(self, postgres: ServerProcess) -> None:
        postgres.kill()
        assert postgres.kill().processes == 0

    def test_killed_server_comes_back_on_its_address_with_what_was_committed(
        self, postgres: ServerProcess
    ) -> None:
        address = postgres.address
        query(postgres, "create table kept as select 42 as answer")
        postgres.kill()
        postgres.start()
        wait_for_queries(postgres)
        assert postgres.address == address
        assert postgres.is_alive()
        assert query(postgres, "select answer from kept") == [(42,)]

    def test_prepared_transaction_survives_a_kill(self, postgres: ServerProcess) -> None:
        query(postgres, "create table kept (id int)")
        query(postgres, "begin; insert into kept values (1); prepare transaction 'in-doubt'")
        postgres.kill()
        postgres.start()
        wait_for_queries(postgres)
        assert query(postgres, "select gid from pg_prepared_xacts") == [("in-doubt",)]

    def test_server_killed_ten_times_in_a_row_comes_back(self, postgres: ServerProcess) -> None:
        for _ in range(10):
            assert postgres.kill().processes > 0
            postgres.start()
        wait_for_queries(postgres)

    def test_paused_server_commits_nothing_and_finishes_what_it_was_doing_once_resumed(
        self, postgres: ServerProcess
    ) -> None:
        query(postgres, "create table kept (id int)")
        with psycopg.connect(
            host=postgres.address.host, port=postgres.address.port, user=USER, dbname="postgres"
        ) as session:
            session.execute("insert into kept values (1)")
            # The session's process, not the first one alone: that would let it commit.
            assert postgres.pause() >= 5
            with ThreadPoolExecutor(1) as pool:
                commit = pool.submit(session.commit)
                with pytest.raises(TimeoutError):
                    commit.result(timeout=0.3)
                assert postgres.is_alive(), "a stopped server is not dead"
                postgres.resume()
                commit.result(timeout=5)
        assert query(postgres, "select id from kept") == [(1,)]

    def test_pause_and_resume_twice_are_as_once(self, postgres: ServerProcess) -> None:
        assert postgres.pause() == postgres.pause()
        postgres.resume()
        postgres.resume()
        assert query(postgres, "select 1") == [(1,)]

    def test_paused_server_can_be_killed(self, postgres: ServerProcess) -> None:
        postgres.pause()
        assert postgres.kill().processes >= 4
        assert not postgres.is_alive()
        postgres.resume()
        assert not postgres.is_alive()

    def test_server_that_is_shut_down_ends_by_itself_and_tells_its_sessions(
        self, postgres: ServerProcess
    ) -> None:
        query(postgres, "create table kept as select 42 as answer")
        session = psycopg.connect(
            host=postgres.address.host, port=postgres.address.port, user=USER, dbname="postgres"
        )
        session.execute("insert into kept values (43)")
        stopped = postgres.shut_down(10)
        assert stopped.processes >= 5
        assert stopped.killed == 0
        assert not postgres.is_alive()
        with pytest.raises(psycopg.errors.AdminShutdown):
            session.execute("select 1")
        postgres.start()
        wait_for_queries(postgres)
        assert query(postgres, "select answer from kept") == [(42,)]

    def test_server_that_does_not_shut_down_in_time_is_killed(
        self, postgres: ServerProcess
    ) -> None:
        postgres.pause()
        assert postgres.shut_down(1).killed >= 4
        assert not postgres.is_alive()

    def test_last_output_is_what_the_server_wrote(self, postgres: ServerProcess) -> None:
        assert "ready to accept connections" in postgres.last_output()

    @pytest.mark.mariadb
    def test_mariadb_survives_a_kill_with_what_was_prepared_and_stops_cleanly(
        self, runtime: Runtime
    ) -> None:
        target = MariaDbTarget("payments-db", runtime.launch_mariadb("payments-db"))
        target.wait_ready(READY_WITHIN_S)
        assert target.server.address.host == "127.0.0.1"
        with target.session() as session, session.cursor() as cursor:
            cursor.execute("create table kept (id int primary key)")
            for statement in (
                "xa start",
                "insert into kept values (1), (%s)",
                "xa end",
                "xa prepare",
            ):
                is_xa = statement.startswith("xa")
                cursor.execute(f"{statement} 'a','b'" if is_xa else statement % 2)
        assert target.server.kill().processes >= 1
        assert not target.server.is_alive()
        assert not accepts(target.server)
        target.server.start()
        target.wait_ready(READY_WITHIN_S)
        assert [row.gid for row in target.prepared()] == ["'a','b'"]
        with target.session() as session, session.cursor() as cursor:
            cursor.execute("xa commit 'a','b'")
        assert target.query("select id from kept order by 1") == [(1,), (2,)]
        stop = target.server.shut_down(10)
        assert stop.processes >= 1
        assert stop.killed == 0
        assert runtime.versions()["mariadb"].startswith(("10.", "11.", "12."))

    @pytest.mark.mariadb
    def test_paused_mariadb_answers_nothing_until_it_goes_on(self, runtime: Runtime) -> None:
        target = MariaDbTarget("payments-db", runtime.launch_mariadb("payments-db"))
        target.wait_ready(READY_WITHIN_S)
        assert target.server.pause() >= 1
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(target.query, "select 1")
            with pytest.raises(TimeoutError):
                answer.result(timeout=0.3)
            target.server.resume()
            assert answer.result(timeout=5) == [(1,)]

    def test_toxiproxy_reaches_a_server_at_its_address(
        self, runtime: Runtime, postgres: ServerProcess
    ) -> None:
        toxiproxy = runtime.launch_toxiproxy()
        toxiproxy_get(toxiproxy, "/version")
        made = requests.post(
            f"http://{toxiproxy.address}/proxies",
            json={"name": "p", "listen": "127.0.0.1:0", "upstream": str(postgres.address)},
            timeout=2,
        )
        port = int(made.json()["listen"].rsplit(":", 1)[1])
        with psycopg.connect(host="127.0.0.1", port=port, user=USER, dbname="postgres") as through:
            assert through.execute("select 1").fetchone() == (1,)

    def test_toxiproxy_counts_the_bytes_of_its_proxies(self, runtime: Runtime) -> None:
        # Without -proxy-metrics there is nothing at /metrics.
        assert toxiproxy_get(runtime.launch_toxiproxy(), "/metrics").status_code == 200

    def test_toxiproxy_killed_comes_back_on_its_address(self, runtime: Runtime) -> None:
        toxiproxy = runtime.launch_toxiproxy()
        toxiproxy_get(toxiproxy, "/version")
        assert toxiproxy.kill().processes == 1
        assert not toxiproxy.is_alive()
        toxiproxy.start()
        assert toxiproxy_get(toxiproxy, "/version").ok

    def test_nothing_answers_after_close_and_close_again_is_harmless(
        self, runtime: Runtime, postgres: ServerProcess
    ) -> None:
        runtime.close()
        assert not accepts(postgres)
        runtime.close()

    def test_launch_after_close_is_refused(self, runtime: Runtime) -> None:
        runtime.close()
        with pytest.raises(ProvisionError):
            runtime.launch_postgres("late-db")
