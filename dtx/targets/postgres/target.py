"""PostgreSQL as a target: schema, clean reset between trials, observations, straight to the server.

The harness never looks through a proxy, so it sees the truth during a partition.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from dtx.core.errors import ConfigError, ProvisionError
from dtx.core.observation import PreparedRow
from dtx.targets.database import Answer
from dtx.targets.postgres.branches import PostgresBranches
from dtx.targets.postgres.connecting import APPLICATION
from dtx.targets.postgres.row_locks import PostgresRowLocks
from dtx.targets.postgres.sessions import PostgresSessions
from dtx.targets.postgres.setup import DATABASE, PASSWORD, USER
from dtx.targets.readiness import wait_until_it_answers
from dtx.targets.runtime import Address, ServerProcess

PRISTINE = "dtx_pristine"
"""A copy of the database as the schema left it; `reset` goes back to it."""

QUERY_TIMEOUT_S = 20
SCHEMA_TIMEOUT_S = 60
"""For a whole schema file: it may load data, but a run must not wait for ever."""


class PostgresTarget:
    """One server. `name` is the database's name in system.toml."""

    speaks_first = False

    def __init__(self, name: str, server: ServerProcess) -> None:
        self.name = name
        self.server = server
        self.sessions = PostgresSessions(name, self.session)
        self.row_locks = PostgresRowLocks(name, self.session)
        self.branches = PostgresBranches(name, self.session)

    @staticmethod
    def fields(address: Address) -> dict[str, str]:
        """Return what a reference to it may ask for besides host and port, as seen at `address`."""
        return {
            "url": f"postgresql://{USER}:{PASSWORD}@{address}/{DATABASE}",
            "jdbc": f"jdbc:postgresql://{address}/{DATABASE}?user={USER}&password={PASSWORD}",
            "user": USER,
            "password": PASSWORD,
            "database": DATABASE,
        }

    def wait_ready(self, within_s: float) -> None:
        """Wait until it answers a query.

        Raises:
            ProvisionError: it died or did not answer in time; with its last output.
        """
        wait_until_it_answers(
            self.server, self._problem, who=f"{self.name}: PostgreSQL", within_s=within_s
        )

    def version(self) -> str:
        """Return the server's version: `17.2`."""
        with self._session("postgres") as connection:
            row = connection.execute("show server_version").fetchone()
            return str(row[0]).split()[0] if row else "?"

    def apply_schema(self, schema: Path | None) -> None:
        """Run the schema in the working database, which is there and empty.

        Raises:
            ConfigError: the schema's SQL fails; names file and line.
            ProvisionError: the server does not answer.
        """
        if schema is None:
            return
        text = _read(schema)
        limit = f"-c statement_timeout={SCHEMA_TIMEOUT_S}s"
        with self._session(DATABASE, options=limit) as connection:
            try:
                connection.execute(text.encode())
            except psycopg.Error as error:
                if _is_gone(error):
                    raise
                raise _schema_error(schema, text, error) from error

    def keep_pristine(self) -> None:
        """Copy the working database, so that `reset` can go back to what it is now.

        Raises:
            ProvisionError: the server does not answer, or refuses.
        """
        # From inside: only its own session may be there, and the schema's may still be ending.
        with self._session(DATABASE) as connection:
            _copy(connection, DATABASE, PRISTINE)

    def reset(self) -> None:
        """Roll back what is prepared anywhere, and replace the working database by a copy of the pristine one.

        Raises:
            ProvisionError: the server does not answer, or refuses, or there is no pristine one.
        """
        with self._session("postgres") as connection:
            prepared = connection.execute(
                "select database, gid from pg_prepared_xacts order by 1, 2"
            ).fetchall()
        for database, those in groupby(prepared, key=itemgetter(0)):
            with self._session(database) as connection:  # ended from elsewhere it is an error
                for _, gid in those:
                    connection.execute(sql.SQL("rollback prepared {}").format(sql.Literal(gid)))
        with self._session("postgres") as connection:
            connection.execute(
                sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(DATABASE))
            )
            _copy(connection, PRISTINE, DATABASE)

    def unclean(self) -> list[str]:
        """Return what is not as new, in words; empty when the working database is clean.

        Raises:
            ProvisionError: the server does not answer.
        """
        problems = []
        with self._session("postgres") as connection:
            prepared = _number(connection, "select count(*) from pg_prepared_xacts")
            sessions = _number(
                connection,
                "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()",
            )
        if prepared:
            problems.append(f"{self.name}: {prepared} prepared transactions")
        if sessions:
            problems.append(f"{self.name}: {sessions} sessions")
        changed = {table for table, _ in self._contents(DATABASE) ^ self._contents(PRISTINE)}
        problems.extend(
            f"{self.name}: {table} differs from the schema's" for table in sorted(changed)
        )
        return problems

    def prepared(self) -> list[PreparedRow]:
        """Return the branches in doubt, with the time of their PREPARE.

        Raises:
            ProvisionError: the server does not answer.
        """
        with self.branches.looking() as looks:
            return looks.prepared()

    def query(self, text: str) -> list[tuple[Any, ...]]:
        """Run a system's query, one statement, in a read-only transaction with a time-out.

        Raises:
            ConfigError: it fails, writes, is several statements, or takes over QUERY_TIMEOUT_S.
            ProvisionError: the server does not answer.
        """
        with self._reading() as connection:
            return self._answer(connection, text)[1]

    @contextmanager
    def asking(self, within_s: int) -> Iterator[Callable[[str], Answer]]:
        """Give what runs queries in one session, each as `query` does; it returns their columns too."""
        with self._reading(within_s) as connection:
            yield lambda text: self._answer(connection, text)

    def counts(self, queries: Sequence[str]) -> list[int]:
        """Return how many rows each query has, in one session; errors as those of `query`."""
        found = []
        with self._reading() as connection, connection.transaction(force_rollback=True):
            for text in queries:
                with self._blaming(text):
                    # The line break ends a comment at the query's end.
                    inner = f"{text.strip().rstrip(';')}\n"
                    counting = f"select count(*) from ({inner}) as rows"
                    row = connection.execute(counting.encode(), prepare=True).fetchone()
                    found.append(int(row[0]) if row else 0)
        return found

    @contextmanager
    def session(self) -> Iterator["psycopg.Connection[Any]"]:
        """Give a session of the harness in the working database, in autocommit, for what it does besides observing.

        Raises:
            ProvisionError: the server does not answer, or a statement in the block failed.
        """
        with self._session(DATABASE) as connection:
            yield connection

    def _problem(self) -> str:
        try:
            with self._connect("postgres"):
                return ""
        except psycopg.OperationalError as error:
            return _first_line(error)

    @contextmanager
    def _reading(self, within_s: int | None = None) -> Iterator["psycopg.Connection[Any]"]:
        """Give a session in which a statement can't write, nor make itself able to.

        Statements have to be prepared, for the server then refuses several in one text, of which the first could
        switch to writing; and run in a block, which no procedure can commit to begin another transaction.
        """
        options = f"-c default_transaction_read_only=on -c statement_timeout={within_s or QUERY_TIMEOUT_S}s"
        with self._session(DATABASE, options=options) as connection:
            connection.prepare_threshold = 5
            yield connection

    def _answer(self, connection: "psycopg.Connection[Any]", text: str) -> Answer:
        # A block for each: within one, the server's views of its sessions stay as they were at first.
        with self._blaming(text), connection.transaction(force_rollback=True):
            cursor = connection.execute(text.encode(), prepare=True)
            if cursor.description is None:
                raise ConfigError(f"{self.name}: query failed: it gives no rows\n  {text}")
            return len(cursor.description), list(cursor.fetchall())

    @contextmanager
    def _blaming(self, text: str) -> Iterator[None]:
        """Turn an error of a system's query into the system's, unless it is the server that is gone."""
        try:
            yield
        except psycopg.Error as error:
            if _is_gone(error):
                raise
            raise ConfigError(
                f"{self.name}: query failed: {_first_line(error)}\n  {text}"
            ) from error

    @contextmanager
    def _session(self, database: str, options: str = "") -> Iterator["psycopg.Connection[Any]"]:
        """Connect; errors that nobody else is to blame for are the environment's."""
        try:
            with self._connect(database, options) as connection:
                yield connection
        except psycopg.Error as error:
            raise ProvisionError(f"{self.name}: {_first_line(error)}") from error

    @contextmanager
    def _connect(self, database: str, options: str = "") -> Iterator["psycopg.Connection[Any]"]:
        address = self.server.address
        conninfo = make_conninfo(
            host=address.host, port=address.port, user=USER, password=PASSWORD, dbname=database,
            connect_timeout=5, options=options, application_name=APPLICATION,
        )  # fmt: skip
        with psycopg.connect(conninfo, autocommit=True, prepare_threshold=None) as connection:
            yield connection

    def _contents(self, database: str) -> set[tuple[str, str]]:
        # One digest for each table, of its rows in a fixed order.
        with self._session(database) as connection:
            tables = connection.execute(
                "select schemaname, tablename from pg_tables"
                " where schemaname not in ('pg_catalog', 'information_schema') order by 1, 2"
            ).fetchall()
            digests = set()
            for schema, table in tables:
                statement = sql.SQL(
                    "select coalesce(md5(string_agg(t::text, chr(10) order by t::text)), '') from {} as t"
                ).format(sql.Identifier(schema, table))
                row = connection.execute(statement).fetchone()
                digests.add((f"{schema}.{table}", str(row[0]) if row else ""))
            return digests


def _copy(connection: "psycopg.Connection[Any]", source: str, target: str) -> None:
    connection.execute(
        sql.SQL("create database {} template {} strategy wal_log").format(
            sql.Identifier(target), sql.Identifier(source)
        )
    )


def _number(connection: "psycopg.Connection[Any]", statement: str) -> int:
    row = connection.execute(statement.encode()).fetchone()
    return int(row[0]) if row else 0


def _is_gone(error: psycopg.Error) -> bool:
    # Class 57P: the server is shutting down, crashed, or still starting (PostgreSQL, appendix A).
    gone = error.sqlstate is None or error.sqlstate.startswith("57P")
    return isinstance(error, psycopg.OperationalError) and gone


def _read(schema: Path) -> str:
    try:
        return schema.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{schema}: not UTF-8: {error.reason} at byte {error.start}", hint="save it as UTF-8"
        ) from error
    except OSError as error:
        raise ConfigError(
            f"{schema}: {error.strerror}", hint=f"see `schema` in {schema.parent / 'system.toml'}"
        ) from error


def _schema_error(schema: Path, text: str, error: psycopg.Error) -> ConfigError:
    position = error.diag.statement_position
    line = text.count("\n", 0, int(position) - 1) + 1 if position else None
    where = f"{schema}:{line}" if line else str(schema)
    return ConfigError(
        f"{where}: {_first_line(error)}", hint="the schema must run on an empty database"
    )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
