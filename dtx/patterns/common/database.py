"""A worker's own PostgreSQL: a pool of connections on which no local transaction can wait for ever.

A link may fall silent while its connection stays open. Three things keep that from freezing the worker:

- every use of a connection has a deadline, kept by a watchdog that shuts the socket down. A time-out of
  asyncio would not do: psycopg answers cancellation by asking the server to cancel, and waits for its answer.
- the server ends sessions whose client fell silent inside a transaction (session time-outs below), so they
  do not hold row locks for ever.
- a connection whose server died while it was idle is noticed before it is used.

A COMMIT whose answer was lost has an unknown outcome: the error is passed on, the caller is told nothing,
and its repeat finds the truth in the database.
"""

import asyncio
import os
import select
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, LiteralString, Self

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, TooManyRequests

Connection = AsyncConnection[TupleRow]

DEADLINE_S = 1.5
"""For one use of a connection: all statements of a local transaction and its COMMIT."""

_CHECKOUT_S = 1.0
LOCK_WITHIN_S = 1.0

_SERVER_LATER_S = 0.5
"""So much later than we give up does the server: it lets go even when the link to us is silent."""


class Database:
    """The pool; an async context manager. All methods raise psycopg.Error when the database can't be used.

    `connections` at most, `ready` of them opened at once and kept; so many `waiting` beyond them. One use
    of a connection takes `within_s` at most, and a statement of it waits `lock_within_s` for a lock.
    """

    def __init__(
        self,
        url: str,
        *,
        connections: int = 16,
        waiting: int = 64,
        ready: int = 2,
        within_s: float = DEADLINE_S,
        lock_within_s: float = LOCK_WITHIN_S,
    ) -> None:
        self._within_s = within_s
        self._connections = connections
        # Whoever asks gives up after a second or so. A longer queue would fill with work that nobody waits for, and
        # after an outage there would be time for nothing else: better an error at once, and a retry later. Not the
        # pool's own max_waiting, which counts those that gave up too, and once full of them never connects again.
        self._most_borrowers = connections + waiting
        self._borrowers = 0
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            kwargs={
                "autocommit": True,
                "connect_timeout": 2,
                "options": _options(within_s, lock_within_s),
            },
            min_size=ready,
            max_size=connections,
            timeout=_CHECKOUT_S,
            # The pool's own back-off doubles up to this; kept short, the next caller makes it try again, so that a
            # database that is back is used within a fraction of a second, not after half a minute.
            reconnect_timeout=0.2,
            open=False,
        )

    async def __aenter__(self) -> Self:
        """Begin to connect, without waiting: the database may come up later than we do."""
        await self._pool.open(wait=False)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the idle connections; sessions in use end with the process."""
        await self._pool.close(timeout=0.2)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection in autocommit: each statement is a transaction of its own.

        Raises:
            psycopg.Error: no connection to be had, broken, or over the deadline; the outcome of the statement
                that was under way is then unknown.
        """
        if self._borrowers >= self._most_borrowers:
            raise TooManyRequests("too many wait for a connection")
        self._borrowers += 1
        try:
            async with self._borrowed() as connection:
                yield connection
        finally:
            self._borrowers -= 1

    @asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[Connection]:
        connection = await self._checkout()
        watchdog = asyncio.get_running_loop().call_later(self._within_s, _shut_down, connection)
        try:
            yield connection
        finally:
            watchdog.cancel()
            if connection.pgconn.transaction_status != TransactionStatus.IDLE:
                await connection.close()  # at once, without a word to the server
            await self._pool.putconn(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection inside a local transaction: committed at the end of the block, else rolled back.

        Raises:
            psycopg.Error: as `connection`; at the end of the block the outcome of the COMMIT is then unknown.
        """
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def execute(
        self, statement: LiteralString, parameters: Mapping[str, Any] | None = None
    ) -> int:
        """Run one statement as a transaction; return how many rows it touched.

        Raises:
            psycopg.Error: as `connection`.
        """
        async with self.connection() as connection:
            cursor = await connection.execute(statement, parameters)
            return cursor.rowcount

    async def fetch(
        self, query: LiteralString, parameters: Mapping[str, Any] | None = None
    ) -> list[tuple[Any, ...]]:
        """Run one query; return its rows.

        Raises:
            psycopg.Error: as `connection`.
        """
        async with self.connection() as connection:
            cursor = await connection.execute(query, parameters)
            return await cursor.fetchall()

    async def _checkout(self) -> Connection:
        """Take a connection; idle ones whose server died are replaced on the way."""
        for _ in range(self._connections):
            connection = await self._pool.getconn()
            if _is_alive(connection):
                return connection
            await connection.close()
            await self._pool.putconn(connection)
        raise psycopg.OperationalError("all pooled connections were found dead")


def _options(within_s: float, lock_within_s: float) -> str:
    """Return the server's own time-outs for a session."""
    later_ms = round((within_s + _SERVER_LATER_S) * 1000)
    return (
        f"-c lock_timeout={round(lock_within_s * 1000)} -c statement_timeout={later_ms}"
        f" -c idle_in_transaction_session_timeout={later_ms}"
    )


def _is_alive(connection: Connection) -> bool:
    """Return whether an idle connection still has its server, as far as the kernel knows: one system call."""
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if not poll.poll(0):
        return True
    try:
        connection.pgconn.consume_input()  # a notice, or the end of the stream
    except psycopg.OperationalError:
        return False
    return not connection.closed


def _shut_down(connection: Connection) -> None:
    """Break the connection under libpq, which then reports it as lost to whoever waits for it."""
    if connection.closed:
        return
    with socket.socket(fileno=os.dup(connection.fileno())) as link:
        try:
            link.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it broke by itself in this moment
