"""A PostgreSQL target on a real server: schema, reset, what is dirty, queries."""

import contextlib
import datetime
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dtx.core.errors import ConfigError, DtxError, ProvisionError
from dtx.core.exit_codes import ExitCode
from dtx.core.ports import CleanStop, Death
from dtx.targets.local.runtime import LocalRuntime
from dtx.targets.postgres import target as postgres
from dtx.targets.postgres.setup import DATABASE, USER
from dtx.targets.postgres.target import PostgresTarget
from dtx.targets.runtime import Address

from .local_here import eventually, local_runtime

pytestmark = pytest.mark.local

SCHEMA = """\
create table accounts (name text primary key, balance int not null);
insert into accounts values ('ann', 100), ('ben', 50);
create sequence tickets;
"""


@pytest.fixture(scope="module")
def runtime() -> Iterator[LocalRuntime]:
    with local_runtime() as runtime:
        yield runtime


@pytest.fixture(scope="module")
def server(runtime: LocalRuntime, tmp_path_factory: pytest.TempPathFactory) -> PostgresTarget:
    schema = tmp_path_factory.mktemp("schema") / "accounts.sql"
    schema.write_text(SCHEMA)
    target = PostgresTarget("pay-db", runtime.launch_postgres("pay-db"))
    target.wait_ready(30)
    target.apply_schema(schema)
    target.keep_pristine()
    return target


@pytest.fixture
def target(server: PostgresTarget) -> Iterator[PostgresTarget]:
    """Give the server as the schema left it, and make it so again."""
    yield server
    if not server.server.is_alive():
        server.server.start()
        server.wait_ready(30)
    if not eventually(lambda: not server.unclean(), within_s=0.1):
        server.reset()


def connect(target: PostgresTarget, database: str = DATABASE) -> "psycopg.Connection[Any]":
    address = target.server.address
    return psycopg.connect(
        host=address.host, port=address.port, user=USER, dbname=database, autocommit=True
    )


def run(target: PostgresTarget, *statements: str) -> None:
    with connect(target) as session:
        for statement in statements:
            session.execute(statement.encode())


def prepare(target: PostgresTarget, gid: str) -> None:
    run(target, f"begin; update accounts set balance = 0; prepare transaction '{gid}'")


class TestServer:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("fsync", "on"),
            ("synchronous_commit", "on"),
            ("full_page_writes", "on"),
            ("track_commit_timestamp", "on"),
            ("wal_level", "logical"),
        ],
    )
    def test_setting_is_as_promised(self, target: PostgresTarget, name: str, value: str) -> None:
        assert target.query(f"show {name}") == [(value,)]

    def test_two_phase_commit_is_possible(self, target: PostgresTarget) -> None:
        assert int(target.query("show max_prepared_transactions")[0][0]) > 0

    def test_commit_times_are_told_in_microseconds(self, target: PostgresTarget) -> None:
        before = datetime.datetime.now(datetime.UTC)
        run(target, "update accounts set balance = 1 where name = 'ann'")
        [(at,)] = target.query(
            "select pg_xact_commit_timestamp(xmin) from accounts where name = 'ann'"
        )
        assert before <= at <= datetime.datetime.now(datetime.UTC)

    @pytest.mark.parametrize("host", ["127.0.0.2", "::1"])
    def test_it_listens_on_no_other_address(self, target: PostgresTarget, host: str) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.settimeout(1)
            assert probe.connect_ex((host, target.server.address.port)) != 0

    def test_version_is_that_of_the_binaries(
        self, target: PostgresTarget, runtime: LocalRuntime
    ) -> None:
        assert runtime.versions()["postgres"].startswith(f"{target.version()} (")


class TestSchema:
    @pytest.fixture(autouse=True)
    def broken_database(
        self, target: PostgresTarget, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[None]:
        run(target, "create database broken")
        monkeypatch.setattr(postgres, "DATABASE", "broken")
        yield
        run(target, "drop database if exists broken with (force)")

    @pytest.mark.parametrize(
        ("text", "line", "words"),
        [
            ("create table a (id int);\n\ncreate tabel b (id int);\n", 3, 'near "tabel"'),
            ("-- Größe: groß\ninsert into nobody values (1);\n", 2, '"nobody" does not exist'),
            ("creat table a ();", 1, 'near "creat"'),
            ("select 1;\nselect 'ends never", 2, "unterminated quoted string"),
        ],
        ids=["syntax", "behind letters of two bytes", "first character", "end"],
    )
    def test_error_names_file_and_line(
        self, target: PostgresTarget, tmp_path: Path, text: str, line: int, words: str
    ) -> None:
        schema = tmp_path / "wrong.sql"
        schema.write_text(text)
        with pytest.raises(ConfigError) as caught:
            target.apply_schema(schema)
        assert caught.value.message.startswith(f"{schema}:{line}: ")
        assert words in caught.value.message
        assert "\n" not in caught.value.message

    def test_error_without_a_place_names_the_file(
        self, target: PostgresTarget, tmp_path: Path
    ) -> None:
        schema = tmp_path / "wrong.sql"
        schema.write_text("create table a (id int primary key);\ninsert into a values (1), (1);")
        with pytest.raises(ConfigError, match=r"wrong.sql: duplicate key value"):
            target.apply_schema(schema)

    def test_file_that_is_not_utf8_is_an_error_that_names_it(
        self, target: PostgresTarget, tmp_path: Path
    ) -> None:
        schema = tmp_path / "latin.sql"
        schema.write_bytes("select 'Größe'".encode("latin-1"))
        with pytest.raises(ConfigError, match=r"latin.sql: not UTF-8"):
            target.apply_schema(schema)


class TestReset:
    def test_rows_sequences_and_tables_are_as_the_schema_left_them(
        self, target: PostgresTarget
    ) -> None:
        run(
            target,
            "update accounts set balance = 0",
            "delete from accounts where name = 'ben'",
            "select nextval('tickets'), nextval('tickets')",
            "create table extra (id int)",
            "alter table accounts add column note text",
        )
        target.reset()
        assert target.unclean() == []
        assert target.query("select * from accounts order by 1") == [("ann", 100), ("ben", 50)]
        assert target.query("select last_value, is_called from tickets") == [(1, False)]
        assert target.query("select to_regclass('extra')") == [(None,)]

    def test_prepared_transactions_and_their_locks_are_gone(self, target: PostgresTarget) -> None:
        prepare(target, "in doubt''s 1")
        target.reset()
        assert target.unclean() == []
        run(target, "set lock_timeout = '1s'", "update accounts set balance = 1")

    def test_what_was_prepared_in_another_database_of_the_server_is_gone(
        self, target: PostgresTarget
    ) -> None:
        with connect(target, "postgres") as elsewhere:
            elsewhere.execute("begin")
            elsewhere.execute("select 1")
            elsewhere.execute("prepare transaction 'of a stranger'")
        prepare(target, "ours")
        target.reset()
        assert target.unclean() == []

    def test_sessions_are_ended(self, target: PostgresTarget) -> None:
        with connect(target) as idle, connect(target) as busy:
            busy.execute("begin")
            busy.execute("update accounts set balance = 0")
            target.reset()
            for session in (idle, busy):
                with pytest.raises(psycopg.OperationalError):
                    session.execute("select 1")
        assert eventually(lambda: target.unclean() == [])

    def test_reset_twice_is_a_reset(self, target: PostgresTarget) -> None:
        target.reset()
        target.reset()
        assert target.unclean() == []

    def test_working_database_that_is_gone_is_made_again(self, target: PostgresTarget) -> None:
        # As a reset leaves it that was cut off in its middle.
        with psycopg.connect(
            host="127.0.0.1",
            port=target.server.address.port,
            user=USER,
            dbname="postgres",
            autocommit=True,
        ) as session:
            session.execute(f"drop database {DATABASE} with (force)".encode())
        target.reset()
        assert target.unclean() == []


class TestUnclean:
    def test_prepared_transaction_is_named(self, target: PostgresTarget) -> None:
        prepare(target, "in-doubt")
        assert eventually(lambda: target.unclean() == ["pay-db: 1 prepared transactions"])

    def test_session_is_named(self, target: PostgresTarget) -> None:
        with connect(target):
            assert target.unclean() == ["pay-db: 1 sessions"]

    def test_table_with_a_changed_row_is_named(self, target: PostgresTarget) -> None:
        run(target, "update accounts set balance = 101 where name = 'ann'")
        wanted = ["pay-db: public.accounts differs from the schema's"]
        assert eventually(lambda: target.unclean() == wanted), target.unclean()

    def test_extra_and_lost_tables_are_named(self, target: PostgresTarget) -> None:
        run(target, "create schema more", "create table more.extra ()", "drop table accounts")
        wanted = [
            "pay-db: more.extra differs from the schema's",
            "pay-db: public.accounts differs from the schema's",
        ]
        assert eventually(lambda: sorted(target.unclean()) == wanted), target.unclean()

    def test_row_that_was_written_back_is_clean(self, target: PostgresTarget) -> None:
        run(
            target,
            "update accounts set balance = balance + 1",
            "update accounts set balance = balance - 1",
        )
        assert eventually(lambda: target.unclean() == []), target.unclean()

    def test_endless_schema_is_ended_and_blamed_on_its_file(
        self, runtime: LocalRuntime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(postgres, "SCHEMA_TIMEOUT_S", 1)
        schema = tmp_path / "endless.sql"
        schema.write_text("select pg_sleep(60);")
        target = PostgresTarget("endless", runtime.launch_postgres("endless"))
        target.wait_ready(30)
        with pytest.raises(
            ConfigError, match=r"endless\.sql: canceling statement due to statement"
        ):
            target.apply_schema(schema)


class TestQuery:
    @pytest.mark.parametrize(
        "statement",
        [
            "insert into accounts values ('eve', 1)",
            "with gone as (delete from accounts returning *) select * from gone",
            "select nextval('tickets')",
            "create table extra ()",
        ],
    )
    def test_writing_is_refused_with_the_sql(self, target: PostgresTarget, statement: str) -> None:
        with pytest.raises(ConfigError) as caught:
            target.query(statement)
        assert "in a read-only transaction" in caught.value.message
        assert statement in caught.value.message
        assert eventually(lambda: target.unclean() == []), target.unclean()

    @pytest.mark.parametrize(
        "trick",
        [
            "set transaction read write; delete from accounts returning *",
            "commit; begin read write; delete from accounts returning *",
            "rollback; set default_transaction_read_only = off; delete from accounts returning *",
            "select 1; select 2",
            "select set_config('transaction_read_only', 'off', false)",
            "set transaction read write",
            "commit",
            "call settle('x')",
            "select settled()",
        ],
    )
    def test_query_cannot_make_itself_able_to_write(
        self, target: PostgresTarget, trick: str
    ) -> None:
        run(
            target,
            "create or replace function settled() returns int language plpgsql as $$ begin"
            " set transaction read write; delete from accounts; return 1; end $$",
            "create or replace procedure settle(inout a text) language plpgsql as $$ begin commit;"
            " set transaction read write; delete from accounts; end $$",
        )
        for ask in (target.query, lambda text: target.counts([text])):
            with pytest.raises(ConfigError, match=r"^pay-db: query failed: "):
                ask(trick)
        assert len(target.query("select * from accounts")) > 0

    @pytest.mark.parametrize("method", ["query", "counts"])
    def test_endless_query_is_ended_and_blamed_on_the_sql(
        self, target: PostgresTarget, monkeypatch: pytest.MonkeyPatch, method: str
    ) -> None:
        monkeypatch.setattr(postgres, "QUERY_TIMEOUT_S", 0.2)
        endless = "select pg_sleep(30)"
        began = time.monotonic()
        with pytest.raises(ConfigError) as caught:
            target.query(endless) if method == "query" else target.counts([endless])
        assert time.monotonic() - began < 5
        assert "statement timeout" in caught.value.message
        assert endless in caught.value.message

    @pytest.mark.parametrize(
        "text", ["selec 1", "", "select * from nobody", "set work_mem = '1MB'"]
    )
    def test_wrong_query_is_a_configuration_error(self, target: PostgresTarget, text: str) -> None:
        with pytest.raises(ConfigError, match=r"^pay-db: query failed: "):
            target.query(text)

    def test_percent_signs_are_plain(self, target: PostgresTarget) -> None:
        assert target.query("select name from accounts where name like 'a%'") == [("ann",)]

    def test_time_that_python_cant_hold_is_a_configuration_error(
        self, target: PostgresTarget
    ) -> None:
        with pytest.raises(ConfigError, match="query failed"):
            target.query("select 'infinity'::timestamptz")

    def test_counts_are_rows_of_each_query(self, target: PostgresTarget) -> None:
        queries = [
            "select * from accounts",
            " select 1 where false ; ",
            "select name from accounts -- all of them",
            "select 1, 1",
        ]
        assert target.counts(queries) == [2, 0, 2, 1]

    def test_counts_of_nothing_are_nothing(self, target: PostgresTarget) -> None:
        assert target.counts([]) == []

    def test_wrong_query_among_counts_is_a_configuration_error_with_the_sql(
        self, target: PostgresTarget
    ) -> None:
        with pytest.raises(ConfigError, match="select broken from accounts"):
            target.counts(["select 1", "select broken from accounts"])


class TestDeadServer:
    @pytest.mark.parametrize("method", ["query", "counts", "reset", "unclean"])
    def test_answer_is_an_environment_error_that_names_the_database(
        self, target: PostgresTarget, method: str
    ) -> None:
        target.server.kill()
        with pytest.raises(ProvisionError, match=r"^pay-db: ") as caught:
            call(target, method)
        assert caught.value.exit_code is ExitCode.ENVIRONMENT

    def test_asking_again_in_one_session_shows_sessions_that_came_since(
        self, target: PostgresTarget
    ) -> None:
        others = "select count(*) from pg_stat_activity where application_name = 'late'"
        with target.asking(5) as ask:
            assert ask(others) == (1, [(0,)])
            with connect(target) as session:
                session.execute("set application_name = 'late'")
                assert ask(others) == (1, [(1,)])

    def test_server_that_dies_under_a_query_is_an_environment_error(
        self, target: PostgresTarget
    ) -> None:
        failed: list[DtxError] = []

        def ask() -> None:
            try:
                target.query("select pg_sleep(30)")
            except DtxError as error:
                failed.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        sleeping = "select 1 from pg_stat_activity where query like 'select pg_sleep%'"
        assert eventually(lambda: len(target.query(sleeping)) == 1)
        target.server.kill()
        asking.join(10)
        assert [type(error) for error in failed] == [ProvisionError]

    def test_waiting_for_a_dead_server_ends_at_once_with_its_last_output(
        self, target: PostgresTarget
    ) -> None:
        target.server.kill()
        began = time.monotonic()
        with pytest.raises(
            ProvisionError, match=r"(?s)PostgreSQL died at start; its last output:\n.+"
        ):
            target.wait_ready(30)
        assert time.monotonic() - began < 5


def call(target: PostgresTarget, method: str) -> object:
    match method:
        case "query":
            return target.query("select 1")
        case "counts":
            return target.counts(["select 1"])
        case "reset":
            target.reset()
            return None
        case _:
            return target.unclean()


class Mute:
    """A server process that seems to run."""

    def __init__(self, port: int) -> None:
        self.address = Address("127.0.0.1", port)

    def is_alive(self) -> bool:
        return True

    def last_output(self) -> str:
        return ""

    def kill(self) -> Death:
        return Death(processes=0)

    def shut_down(self, within_s: float) -> CleanStop:
        del within_s
        return CleanStop(processes=0, killed=0)

    def pause(self) -> int:
        return 0

    def resume(self) -> None:
        pass

    def start(self) -> None:
        pass


def test_server_that_never_answers_is_an_error_that_says_what_was_seen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def close_all() -> None:
            while True:
                try:
                    listener.accept()[0].close()
                except OSError:
                    return

        threading.Thread(target=close_all, daemon=True).start()
        with pytest.raises(ProvisionError, match=r"did not answer within 0.2 s: .*closed"):
            PostgresTarget("pay-db", Mute(listener.getsockname()[1])).wait_ready(0.2)
        listener.shutdown(socket.SHUT_RDWR)


class TestBranches:
    def test_rows_and_who_waits_are_those_of_the_catalogues(self, target: PostgresTarget) -> None:
        run(
            target,
            "begin",
            "update accounts set balance = balance - 1 where name = 'ann'",
            "select * from accounts where name = 'ben' for update",
            "insert into accounts values ('cleo', 1)",
            "prepare transaction 'shop:t000001:pay'",
        )
        run(
            target,
            "begin",
            "insert into accounts values ('dan', 1)",
            "prepare transaction 'shop:t000002:pay'",
        )

        def pay() -> None:
            run(target, "update accounts set balance = 7 where name = 'ann'")

        payers = [threading.Thread(target=pay) for _ in range(2)]
        with target.branches.looking() as looks:
            one, two = looks.prepared()
            assert (one.gid, one.name) == ("shop:t000001:pay", "shop:t000001:pay")
            assert one.since_ns is not None
            assert looks.rows([one.gid, two.gid]) == {one.gid: 2, two.gid: 0}
            assert not looks.waiters([one.gid, two.gid])
            for payer in payers:
                payer.start()
            assert eventually(lambda: len(looks.waiters([one.gid])) == 2)
            assert not looks.waiters([two.gid])
            assert all(waiter.since_ns for waiter in looks.waiters([one.gid]))
            run(target, "rollback prepared 'shop:t000001:pay'")
            for payer in payers:
                payer.join(5)
            assert not looks.waiters([one.gid])
        run(target, "rollback prepared 'shop:t000002:pay'")

    def test_rows_are_known_after_a_crash_too(self, target: PostgresTarget) -> None:
        run(target, "begin", "update accounts set balance = 1", "prepare transaction 'left'")
        target.server.kill()
        with pytest.raises(ProvisionError, match="pay-db"), target.branches.looking():
            pass
        target.server.start()
        target.wait_ready(30)
        with target.branches.looking() as looks:
            assert looks.rows(["left"]) == {"left": 2}
        run(target, "rollback prepared 'left'")

    def test_ids_of_xa_managers_read_as_text(self, target: PostgresTarget) -> None:
        with contextlib.closing(connect(target)) as session:
            session.autocommit = False
            session.tpc_begin(session.xid(1, "shop:t000001", "pay"))
            session.execute("update accounts set balance = 1")
            session.tpc_prepare()
        with target.branches.looking() as looks:
            [row] = looks.prepared()
        assert row.name == "shop:t000001,pay"
        run(target, f"rollback prepared '{row.gid}'")
