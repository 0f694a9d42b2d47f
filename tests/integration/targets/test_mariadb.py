"""A MariaDB target on a real server: schema, reset, what is dirty, queries, sessions, locks."""

import datetime
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from dtx.core.deadline import Deadline, poll_until
from dtx.core.errors import ConfigError, ProvisionError
from dtx.targets.local.runtime import LocalRuntime
from dtx.targets.mariadb.setup import DATABASE, PASSWORD, USER
from dtx.targets.mariadb.target import MariaDbTarget

from .local_here import eventually, local_runtime

pytestmark = [pytest.mark.local, pytest.mark.mariadb]

SCHEMA = """\
-- create the accounts; each has a balance
create table accounts (name varchar(40) primary key, balance int not null, at timestamp(6) default current_timestamp(6));
insert into accounts (name, balance) values ('ann; the first', 100), ('ben', 50);
"""


@pytest.fixture(scope="module")
def runtime() -> Iterator[LocalRuntime]:
    with local_runtime() as runtime:
        yield runtime


@pytest.fixture(scope="module")
def server(runtime: LocalRuntime, tmp_path_factory: pytest.TempPathFactory) -> MariaDbTarget:
    schema = tmp_path_factory.mktemp("schema") / "accounts.sql"
    schema.write_text(SCHEMA)
    target = MariaDbTarget("pay-db", runtime.launch_mariadb("pay-db"))
    target.wait_ready(30)
    target.apply_schema(schema)
    target.keep_pristine()
    return target


@pytest.fixture
def target(server: MariaDbTarget) -> Iterator[MariaDbTarget]:
    """Give the server as the schema left it, and make it so again."""
    yield server
    if not server.server.is_alive():
        server.server.start()
        server.wait_ready(30)
    if server.unclean():
        server.reset()


def connect(target: MariaDbTarget) -> "pymysql.Connection[Any]":
    """Connect as a worker of the system does."""
    address = target.server.address
    return pymysql.connect(
        host=address.host, port=address.port, user=USER, password=PASSWORD, database=DATABASE,
        autocommit=True, read_timeout=10,
    )  # fmt: skip


def run(session: "pymysql.Connection[Any]", *statements: str) -> list[tuple[Any, ...]]:
    """Run statements one after the other; return the rows of the last."""
    with session.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []


def prepare(session: "pymysql.Connection[Any]", xid: str) -> None:
    run(
        session,
        f"xa start {xid}",
        "update accounts set balance = balance - 1 where name = 'ben'",
        f"xa end {xid}",
        f"xa prepare {xid}",
    )


class TestServer:
    def test_version_is_that_of_the_binaries(
        self, target: MariaDbTarget, runtime: LocalRuntime
    ) -> None:
        assert target.version() == runtime.versions()["mariadb"].split()[0]

    def test_every_commit_is_forced_to_the_log(self, target: MariaDbTarget) -> None:
        assert target.query("select @@innodb_flush_log_at_trx_commit") == [(1,)]

    def test_workers_may_do_everything_in_their_database_and_nothing_outside(
        self, target: MariaDbTarget
    ) -> None:
        with connect(target) as session:
            run(session, "create table more (id int)", "drop table more")
            with pytest.raises(pymysql.OperationalError, match="denied"):
                run(session, "create database other")

    def test_killed_server_comes_back_with_what_was_prepared(self, target: MariaDbTarget) -> None:
        session = connect(target)
        prepare(session, "'left','1',7")
        assert target.server.kill().processes >= 1
        assert not target.server.is_alive()
        target.server.start()
        target.wait_ready(30)
        [row] = target.prepared()
        assert (row.participant, row.gid) == ("pay-db", "'left','1',7")

    def test_clean_stop_kills_nothing(self, target: MariaDbTarget) -> None:
        stop = target.server.shut_down(10)
        assert stop.processes >= 1
        assert stop.killed == 0


class TestSchema:
    @pytest.mark.parametrize(
        ("text", "line", "words"),
        [
            (
                "create table a (id int);\n\n-- b; too\ncreate tabel b (id int);\n",
                4,
                "near 'tabel b",
            ),
            ("-- Größe: groß\ninsert into nobody values (1);\n", 2, "doesn't exist"),
            ("creat table a ();", 1, "near 'creat"),
            (
                "create table a (id int primary key);\ninsert into a values (1), (1);",
                2,
                "Duplicate",
            ),
        ],
        ids=["syntax", "behind letters of two bytes", "first word", "a row"],
    )
    def test_error_names_file_and_line(
        self, target: MariaDbTarget, tmp_path: Path, text: str, line: int, words: str
    ) -> None:
        schema = tmp_path / "wrong.sql"
        schema.write_text(text)
        other = MariaDbTarget("pay-db", target.server)
        with connect(target) as session:
            run(session, "drop database app", "create database app")
        try:
            with pytest.raises(ConfigError) as caught:
                other.apply_schema(schema)
        finally:
            target.reset()
        assert caught.value.message.startswith(f"{schema}:{line}: ")
        assert words in caught.value.message


class TestReset:
    def test_what_the_schema_made_is_clean(self, target: MariaDbTarget) -> None:
        assert target.unclean() == []

    def test_rows_and_tables_are_as_the_schema_left_them(self, target: MariaDbTarget) -> None:
        with connect(target) as session:
            run(session, "update accounts set balance = 0", "create table extra (id int)")
        problems = target.unclean()
        assert any("accounts differs" in problem for problem in problems)
        assert any("extra differs" in problem for problem in problems)
        target.reset()
        assert [row[:2] for row in target.query("select * from accounts order by 1")] == [
            ("ann; the first", 100),
            ("ben", 50),
        ]

    def test_prepared_branches_and_sessions_are_gone(self, target: MariaDbTarget) -> None:
        attached, detached = connect(target), connect(target)
        prepare(attached, "'a','1',1")
        run(
            detached,
            "xa start 'b','1',1",
            "update accounts set balance = 9 where name = 'ann; the first'",
        )
        assert any("prepared" in problem for problem in target.unclean())
        assert any("sessions" in problem for problem in target.unclean())
        target.reset()
        assert target.unclean() == []


class TestQueries:
    def test_times_are_utc(self, target: MariaDbTarget) -> None:
        [(at,)] = target.query("select at from accounts where name = 'ben'")
        age = datetime.datetime.now(datetime.UTC) - at
        assert datetime.timedelta(0) < age < datetime.timedelta(minutes=10)

    @pytest.mark.parametrize(
        "statement",
        [
            "update accounts set balance = 0",
            "drop table accounts",
            "create table mine (id int)",
            "select 1; drop table accounts",
            "select 1 into outfile '/tmp/never'",
        ],
    )
    def test_writing_is_refused_with_the_sql(self, target: MariaDbTarget, statement: str) -> None:
        with pytest.raises(ConfigError) as caught:
            target.query(statement)
        assert statement in caught.value.message
        assert target.unclean() == []

    def test_function_of_the_system_can_not_write_either(self, target: MariaDbTarget) -> None:
        with connect(target) as session:
            run(
                session,
                "create function sneaky() returns int modifies sql data"
                " begin update accounts set balance = 0; return 1; end",
            )
        with pytest.raises(ConfigError, match="READ ONLY"):
            target.query("select sneaky()")

    def test_query_that_never_ends_is_ended(self, target: MariaDbTarget) -> None:
        endless = (
            "with recursive n as (select 1 as i union all select i + 1 from n where i < 1e9)"
            " select count(*) from n a join n b join n c"
        )
        with target.asking(1) as ask, pytest.raises(ConfigError, match="interrupted"):
            ask(endless)

    def test_queries_may_see_who_waits_for_whom_as_it_changes(self, target: MariaDbTarget) -> None:
        waits = (
            "select w.trx_mysql_thread_id, b.trx_mysql_thread_id from information_schema.innodb_lock_waits l"
            " join information_schema.innodb_trx w on w.trx_id = l.requesting_trx_id"
            " join information_schema.innodb_trx b on b.trx_id = l.blocking_trx_id"
        )
        update = "update accounts set balance = 1 where name = 'ben'"
        with target.asking(5) as ask, connect(target) as holder, connect(target) as waiter:
            assert ask(waits) == (2, [])
            [(first,)], [(second,)] = (
                run(session, "select connection_id()") for session in (holder, waiter)
            )
            run(holder, "start transaction", update)
            waiting = threading.Thread(target=run, args=(waiter, update))
            waiting.start()
            # Not more often than InnoDB renews its views.
            is_seen = poll_until(
                lambda: ask(waits) == (2, [(second, first)]), Deadline.after(5), every_s=0.15
            )
            run(holder, "rollback")
            waiting.join(5)
        assert is_seen

    def test_counts_are_rows_of_each_query(self, target: MariaDbTarget) -> None:
        assert target.counts(
            ["select * from accounts;", "select 1 from accounts where 1 = 0 -- no"]
        ) == [2, 0]

    def test_percent_signs_are_plain(self, target: MariaDbTarget) -> None:
        assert target.query("select count(*) from accounts where name = 'ann; the first'") == [(1,)]

    def test_dead_server_is_the_environments_fault(self, target: MariaDbTarget) -> None:
        target.server.kill()
        with pytest.raises(ProvisionError, match="pay-db"):
            target.query("select 1")


class TestSessions:
    def test_a_busy_moment_is_waited_for_and_the_harness_is_spared(
        self, target: MariaDbTarget
    ) -> None:
        idle, busy = connect(target), connect(target)
        run(busy, "start transaction", "update accounts set balance = 1 where name = 'ben'")
        sessions = target.sessions
        assert sessions.count() == 2
        ended = sessions.end(5)
        assert (ended.sessions, ended.busy) == (2, 1)
        for session in (idle, busy):
            with pytest.raises(pymysql.OperationalError):
                run(session, "select 1")

    def test_idle_ones_are_ended_when_the_time_is_over(self, target: MariaDbTarget) -> None:
        with connect(target):
            ended = target.sessions.end(0.1)
        assert (ended.sessions, ended.busy) == (1, 0)


class TestRowLocks:
    def test_waiters_are_seen_also_behind_one_another_and_go_on_after_release(
        self, target: MariaDbTarget
    ) -> None:
        locks = target.row_locks
        with connect(target) as session:
            run(session, "update accounts set balance = balance + 1")
        held = locks.hold(None)
        assert (held.table, held.rows) == ("accounts", 2)

        def pay() -> None:
            with connect(target) as session:
                run(session, "update accounts set balance = 7 where name = 'ben'")

        payers = [threading.Thread(target=pay) for _ in range(2)]
        for payer in payers:
            payer.start()
        try:
            assert eventually(lambda: len(locks.waiting()) == 2)
        finally:
            locks.release()
        for payer in payers:
            payer.join(5)
        assert target.query("select balance from accounts where name = 'ben'") == [(7,)]
        assert locks.waiting() == frozenset()

    def test_table_that_is_not_there_is_named_with_those_that_are(
        self, target: MariaDbTarget
    ) -> None:
        with pytest.raises(ConfigError, match="no table named 'acounts'; there is: accounts"):
            target.row_locks.hold("acounts")


class TestBranches:
    def test_rows_and_who_waits_are_those_of_innodb_attached_or_not(
        self, target: MariaDbTarget
    ) -> None:
        owner = connect(target)
        prepare(owner, "'shop:t000001','pay',7")

        def pay() -> None:
            with connect(target) as session:
                run(session, "update accounts set balance = 7 where name = 'ben'")

        payers = [threading.Thread(target=pay) for _ in range(2)]
        with target.branches.looking() as looks:
            [row] = looks.prepared()
            assert (row.participant, row.name) == ("pay-db", "shop:t000001,pay")
            assert looks.rows([row.gid]) == {row.gid: 1}
            assert not looks.waiters([row.gid])
            for payer in payers:
                payer.start()
            assert eventually(lambda: len(looks.waiters([row.gid])) == 2)
            owner.close()
            assert eventually(lambda: target.sessions.count() == 2)  # the branch is detached
            assert looks.rows([row.gid]) == {row.gid: 1}
            assert eventually(lambda: len(looks.waiters([row.gid])) == 2)
            with target.session() as session:
                run(session, f"xa rollback {row.gid}")
            for payer in payers:
                payer.join(5)
            assert not looks.prepared()
            assert eventually(lambda: not looks.waiters([row.gid]))

    def test_rows_are_not_known_where_branches_hold_unequal_numbers(
        self, target: MariaDbTarget
    ) -> None:
        one, two = connect(target), connect(target)
        prepare(one, "'t000001','',1")
        run(
            two,
            "xa start 't000002','',1",
            "insert into accounts (name, balance) values ('cleo', 1)",
            "xa end 't000002','',1",
            "xa prepare 't000002','',1",
        )
        with target.branches.looking() as looks:
            gids = [row.gid for row in looks.prepared()]
            assert len(gids) == 2
            assert looks.rows(gids) == {}
