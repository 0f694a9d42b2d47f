"""MariaDB as a target: schema, clean reset between trials, observations, straight to the server.

The harness never looks through a proxy, so it sees the truth during a partition.
"""

import datetime
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import pymysql

from dtx.core.deadline import Deadline, poll_until
from dtx.core.errors import ConfigError, ProvisionError
from dtx.core.observation import PreparedRow
from dtx.targets.database import Answer
from dtx.targets.mariadb import schema as schemas
from dtx.targets.mariadb.branches import MariaDbBranches
from dtx.targets.mariadb.connecting import Connection, connect, is_gone, rows, session, words_of
from dtx.targets.mariadb.innodb import VIEWS_PREFIX, InnodbViews
from dtx.targets.mariadb.row_locks import MariaDbRowLocks
from dtx.targets.mariadb.sessions import MariaDbSessions
from dtx.targets.mariadb.setup import DATABASE, PASSWORD, READER, USER
from dtx.targets.readiness import wait_until_it_answers
from dtx.targets.runtime import Address, ServerProcess

QUERY_TIMEOUT_S = 20

RESET_WITHIN_S = 10.0

READ_ONLY = "start transaction read only"
"""A function of the system's may write as its definer, whoever calls it: not inside this."""


class MariaDbTarget:
    """One server. `name` is the database's name in system.toml."""

    speaks_first = True

    def __init__(self, name: str, server: ServerProcess) -> None:
        self.name = name
        self.server = server
        self._views = views = InnodbViews()
        self.sessions = MariaDbSessions(name, self.session, views)
        self.row_locks = MariaDbRowLocks(name, self.session, views)
        self.branches = MariaDbBranches(name, self.session, views)
        self._schema: schemas.Schema = schemas.EMPTY
        self._pristine: frozenset[tuple[str, str]] = frozenset()

    @staticmethod
    def fields(address: Address) -> dict[str, str]:
        """Return what a reference to it may ask for besides host and port, as seen at `address`."""
        return {
            "url": f"mysql://{USER}:{PASSWORD}@{address}/{DATABASE}",
            "jdbc": f"jdbc:mariadb://{address}/{DATABASE}?user={USER}&password={PASSWORD}",
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
            self.server, self._problem, who=f"{self.name}: MariaDB", within_s=within_s
        )

    def version(self) -> str:
        """Return the server's version: `10.11.19`."""
        with self._session(None) as connection:
            return str(rows(connection, "select version()")[0][0]).partition("-")[0]

    def apply_schema(self, schema: Path | None) -> None:
        """Run the schema in the working database, which is there and empty.

        Raises:
            ConfigError: the schema's SQL fails; names file and line.
            ProvisionError: the server does not answer.
        """
        self._schema = schemas.read(schema) if schema else schemas.EMPTY
        with self._session(DATABASE) as connection:
            self._schema.apply(connection)

    def keep_pristine(self) -> None:
        """Remember what the tables hold now: MariaDB has no template databases to go back to.

        Raises:
            ProvisionError: the server does not answer.
        """
        self._pristine = self._contents()

    def reset(self) -> None:
        """End the workers' sessions, roll back what is prepared, and make the working database anew.

        Raises:
            ProvisionError: the server does not answer, or refuses.
        """
        with self._session(None) as connection:
            # First: a branch that is still attached to its session can't be rolled back from another one.
            for number in _sessions(connection):
                rows(connection, f"kill {number}")
            # A branch that is rolled back while its session is dying may keep the locks of its tables for good.
            deadline = Deadline.after(RESET_WITHIN_S)
            poll_until(lambda: not _sessions(connection), deadline)
            if not poll_until(lambda: _roll_back(connection), deadline):
                raise ProvisionError(f"{self.name}: prepared branches could not be rolled back")
            rows(connection, f"drop database if exists {DATABASE}")
            rows(connection, f"create database {DATABASE}")
        with self._session(DATABASE) as connection:
            self._schema.apply(connection)
        self.keep_pristine()

    def unclean(self) -> list[str]:
        """Return what is not as new, in words; empty when the working database is clean.

        Raises:
            ProvisionError: the server does not answer.
        """
        problems = []
        with self._session(None) as connection:
            prepared = rows(connection, "xa recover")
            sessions = _sessions(connection)
        if prepared:
            problems.append(f"{self.name}: {len(prepared)} prepared transactions")
        if sessions:
            problems.append(f"{self.name}: {len(sessions)} sessions")
        changed = {table for table, _ in self._contents() ^ self._pristine}
        problems.extend(
            f"{self.name}: {table} differs from the schema's" for table in sorted(changed)
        )
        return problems

    def prepared(self) -> list[PreparedRow]:
        """Return the branches in doubt; `gid` is gtrid and bqual as `XA RECOVER FORMAT='SQL'` writes them.

        Raises:
            ProvisionError: the server does not answer.
        """
        with self.branches.looking() as looks:
            return looks.prepared()

    def query(self, text: str) -> list[tuple[Any, ...]]:
        """Run a system's query as a user who may only read, with a time-out.

        Raises:
            ConfigError: it fails, writes, or takes over QUERY_TIMEOUT_S.
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
        with self._reading() as connection:
            rows(connection, READ_ONLY)
            for text in queries:
                with self._blaming(text):
                    # The line break ends a comment at the query's end.
                    inner = f"{text.strip().rstrip(';')}\n"
                    found.append(
                        int(rows(connection, f"select count(*) from ({inner}) as counted")[0][0])
                    )
        return found

    @contextmanager
    def session(self) -> Iterator[Connection]:
        """Give a session of the harness in the working database, in autocommit, for what it does besides observing.

        Raises:
            ProvisionError: the server does not answer, or a statement in the block failed.
        """
        with self._session(DATABASE) as connection:
            yield connection

    def _problem(self) -> str:
        try:
            connect(self.server.address).close()
        except pymysql.MySQLError as error:
            return words_of(error)
        return ""

    @contextmanager
    def _session(self, database: str | None) -> Iterator[Connection]:
        with session(self.name, self.server.address, database=database) as connection:
            yield connection

    @contextmanager
    def _reading(self, within_s: int | None = None) -> Iterator[Connection]:
        with session(self.name, self.server.address, user=READER) as connection:
            rows(connection, f"set session max_statement_time = {within_s or QUERY_TIMEOUT_S}")
            yield connection

    def _answer(self, connection: Connection, text: str) -> Answer:
        turn = self._views.turn() if VIEWS_PREFIX in text.casefold() else nullcontext()
        with turn, self._blaming(text), connection.cursor() as cursor:
            cursor.execute(READ_ONLY)
            # It takes one statement that reads or changes rows and nothing else: a procedure, a block or `set` could
            # commit, and so leave the transaction that holds what a function of the system's may do.
            cursor.execute(f"explain {text}")
            cursor.execute(text)
            if cursor.description is None:
                raise ConfigError(f"{self.name}: query failed: it gives no rows\n  {text}")
            return len(cursor.description), [_in_utc(row) for row in cursor.fetchall()]

    @contextmanager
    def _blaming(self, text: str) -> Iterator[None]:
        """Turn an error of a system's query into the system's, unless it is the server that is gone."""
        try:
            yield
        except pymysql.MySQLError as error:
            if is_gone(error):
                raise
            raise ConfigError(f"{self.name}: query failed: {words_of(error)}\n  {text}") from error

    def _contents(self) -> frozenset[tuple[str, str]]:
        # One checksum for each table, of its rows.
        with self._session(DATABASE) as connection:
            tables = rows(
                connection,
                "select table_name from information_schema.tables"
                " where table_schema = %s and table_type = 'BASE TABLE' order by 1",
                [DATABASE],
            )
            return frozenset(
                (str(table), str(rows(connection, f"checksum table `{table}` extended")[0][1]))
                for (table,) in tables
            )


def _sessions(connection: Connection) -> list[int]:
    """Return the ids of the workers' sessions."""
    found = rows(
        connection, "select id from information_schema.processlist where user = %s", [USER]
    )
    return [int(number) for (number,) in found]


def _roll_back(connection: Connection) -> bool:
    """Roll back every prepared branch that can be now; return whether none was left."""
    found = rows(connection, "xa recover format='SQL'")
    for *_, xid in found:
        # A session that was just killed may still hold its branch: XAER_NOTA, and the next try has it.
        with suppress(pymysql.OperationalError):
            rows(connection, f"xa rollback {xid}")
    return not found


def _in_utc(row: tuple[Any, ...]) -> tuple[Any, ...]:
    # MariaDB has no timestamp with time zone: the server's is UTC, so what it gives is.
    return tuple(
        cell.replace(tzinfo=datetime.UTC) if isinstance(cell, datetime.datetime) else cell
        for cell in row
    )
