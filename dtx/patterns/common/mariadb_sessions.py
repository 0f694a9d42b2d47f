"""Sessions in MariaDB for a worker that must not block: PyMySQL in threads, every answer with a deadline.

A session holds a user lock with its own random name for as long as it lives (`get_lock`). Its branches carry that
name, so that a stranger who finds one prepared can ask the server which session it may still be attached to
(`is_used_lock`), after any crash of ours, without a guess about session numbers, which begin again at a restart.
"""

import asyncio
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar
from urllib.parse import urlsplit

import pymysql

T = TypeVar("T")
Parameters: TypeAlias = Mapping[str, object]

CONNECT_WITHIN_S = 1.0
ANSWER_WITHIN_S = 1.5
"""For one statement: longer than the server waits for a row lock."""

LOCK_WITHIN_S = 1

CHECKOUT_WITHIN_S = 1.0

_LATER_S = 1
"""So much later than we give up does the server, which then lets go of a branch whose client fell silent."""


class MariaDbSession:
    """One session; its methods block, `within_s` at most, and raise pymysql.MySQLError."""

    def __init__(
        self,
        url: str,
        *,
        within_s: float = ANSWER_WITHIN_S,
        lock_within_s: int = LOCK_WITHIN_S,
    ) -> None:
        parts = urlsplit(url)
        self.name = uuid.uuid4().hex[:8]
        # Unless it is told that there is no TLS, PyMySQL reads all certificate authorities first: 50 ms of every thread.
        self._connection: pymysql.Connection[Any] = pymysql.connect(
            host=parts.hostname, port=parts.port or 3306, user=parts.username,
            password=parts.password or "", database=parts.path.lstrip("/"), autocommit=True,
            connect_timeout=CONNECT_WITHIN_S, read_timeout=within_s,
            write_timeout=within_s, init_command=_settings(within_s, lock_within_s), charset="utf8mb4",
            ssl_disabled=True,
        )  # fmt: skip
        self.execute("do get_lock(%(name)s, 0)", {"name": lock_of(self.name)})

    def execute(self, statement: str, parameters: Parameters | None = None) -> int:
        """Run a statement; return how many rows it changed."""
        with self._connection.cursor() as cursor:
            return int(cursor.execute(statement, parameters))

    def fetch(self, query: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
        """Run a query; return its rows."""
        with self._connection.cursor() as cursor:
            cursor.execute(query, parameters)
            return list(cursor.fetchall())

    def close(self) -> None:
        """End it; the server rolls back what is not prepared, and detaches what is."""
        with suppress(pymysql.MySQLError):  # it was closed already
            self._connection.close()


class MariaDbSessions:
    """A pool of sessions with a thread for each, `ready` of them opened ahead; an async context manager."""

    def __init__(
        self,
        url: str,
        *,
        sessions: int,
        ready: int,
        within_s: float = ANSWER_WITHIN_S,
        lock_within_s: int = LOCK_WITHIN_S,
    ) -> None:
        self._open = lambda: MariaDbSession(url, within_s=within_s, lock_within_s=lock_within_s)
        self._ready = ready
        self._ahead: asyncio.Task[None] | None = None
        self._idle: list[MariaDbSession] = []
        self._room = asyncio.Semaphore(sessions)
        self._threads = ThreadPoolExecutor(sessions, thread_name_prefix="mariadb")

    async def __aenter__(self) -> Self:
        """Begin to connect, without waiting: the database may come up later than we do."""
        self._ahead = asyncio.create_task(self._open_ahead())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the threads to end by their deadlines."""
        if self._ahead is not None:
            self._ahead.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def take(self) -> MariaDbSession:
        """Take a session, which must be given back with `keep` or `drop`.

        Raises:
            pymysql.MySQLError: the server does not answer.
            TimeoutError: none is free.
        """
        async with asyncio.timeout(CHECKOUT_WITHIN_S):
            await self._room.acquire()
        if self._idle:
            return self._idle.pop()
        try:
            return await self.run(self._open)
        except BaseException:
            self._room.release()
            raise

    async def _open_ahead(self) -> None:
        with suppress(pymysql.MySQLError):  # whoever needs a session says so, and tries again
            while len(self._idle) < self._ready:
                self._idle.append(await self.run(self._open))

    def keep(self, session: MariaDbSession) -> None:
        """Give back a session that is inside no transaction."""
        self._idle.append(session)
        self._room.release()

    def drop(self, session: MariaDbSession) -> None:
        """Give back a session that failed. The idle ones most likely share its fate: they are closed too."""
        for one in (session, *self._idle):
            one.close()
        self._idle.clear()
        self._room.release()

    async def use(self, call: Callable[[MariaDbSession], T]) -> T:
        """Return what `call`, which blocks, does with a session; after an error that one is not used again.

        Raises:
            pymysql.MySQLError, TimeoutError: as `take`; and whatever `call` raises.
        """
        session = await self.take()
        try:
            result = await self.run(lambda: call(session))
        except BaseException:
            self.drop(session)
            raise
        self.keep(session)
        return result

    async def run(self, call: Callable[[], T]) -> T:
        """Run what blocks in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)


def lock_of(session: str) -> str:
    """Return the name of the user lock that a session holds."""
    return f"session-{session}"


def _settings(within_s: float, lock_within_s: int) -> str:
    """Return the server's own time-outs for a session; an idle branch is rolled back, or detached if prepared."""
    return (
        f"set session innodb_lock_wait_timeout = {lock_within_s},"
        f" idle_transaction_timeout = {int(within_s) + _LATER_S}, tx_isolation = 'READ-COMMITTED'"
    )
