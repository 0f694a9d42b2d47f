"""A worker's own MariaDB: local transactions, each in a thread and a session of its own, none of which waits for ever.

A transaction is a function of a session, which blocks. Each of its statements has a deadline. After an error the session is
closed, so that its server rolls everything back. InnoDB alone would not: a time-out for a lock (1205) undoes the statement that waited,
and leaves the transaction open with what it did before.
"""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar

import pymysql

from dtx.patterns.common.mariadb_sessions import MariaDbSession, MariaDbSessions

T = TypeVar("T")


class MariaDbDatabase:
    """The pool; an async context manager. All methods raise pymysql.MySQLError when the database can't be used."""

    def __init__(self, url: str, *, sessions: int = 16, ready: int = 4) -> None:
        self._sessions = MariaDbSessions(url, sessions=sessions, ready=ready)

    async def __aenter__(self) -> Self:
        """Begin to connect, without waiting: the database may come up later than we do."""
        await self._sessions.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End."""
        await self._sessions.__aexit__(kind, error, traceback)

    async def transaction(self, do: Callable[[MariaDbSession], T]) -> T:
        """Return what `do` returns, once it is committed.

        Raises:
            pymysql.MySQLError: no session to be had, broken, or over a deadline; the outcome of a COMMIT that was
                under way is then unknown.
        """

        def whole(session: MariaDbSession) -> T:
            session.execute("start transaction")
            result = do(session)
            session.execute("commit")
            return result

        return await self._with_session(whole)

    async def fetch(self, query: str) -> list[tuple[Any, ...]]:
        """Run one query; return its rows.

        Raises:
            pymysql.MySQLError: as `transaction`.
        """
        return await self._with_session(lambda session: session.fetch(query))

    async def _with_session(self, call: Callable[[MariaDbSession], T]) -> T:
        try:
            return await self._sessions.use(call)
        except TimeoutError as error:
            raise pymysql.OperationalError("too many wait for a session") from error
