"""PostgreSQL as a resource manager: `PREPARE TRANSACTION`, and `COMMIT PREPARED` from any other connection.

Written out rather than through psycopg's `tpc_*`: between `tpc_prepare` and `tpc_commit` that keeps the connection,
and what was prepared has to be ended from another one anyway as soon as anything fails.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AsyncExitStack
from typing import Generic, TypeVar

import psycopg
from psycopg import errors, sql

from dtx.patterns.common.database import DEADLINE_S, LOCK_WITHIN_S, Connection, Database
from dtx.patterns.twophase.identity import BranchId, Xid
from dtx.patterns.twophase.resource import (
    SETTLED_AT_ONCE,
    Branch,
    Decision,
    DeniedError,
    Ending,
    RefusedError,
    ResourceError,
    Settled,
    Vote,
)
from dtx.patterns.twophase.two_pools import TwoPools

W = TypeVar("W")

PostgresWork = Callable[[Connection, W], Awaitable[None]]
"""Does a branch's work and writes its marker row; may raise RefusedError."""

PREPARED_TAG = "PREPARE TRANSACTION"
COMMITTED_TAG = "COMMIT"

# Whoever looks at the server sees for whom a session works, and so who waits for whom.
_BEGIN = sql.SQL("begin; set local application_name = {}")
_BEGIN_READING = sql.SQL("begin read only; set local application_name = {}")

# Where a resource manager may decide alone it has the table `decided_alone`: the decision beside the work.
_DECIDE_ALONE = "insert into decided_alone (tx, decision) values (%(tx)s, 'commit')"
_BAR = "insert into decided_alone (tx, decision) values (%(tx)s, 'abort') on conflict do nothing"
_DECIDED_ALONE = "select decision from decided_alone where tx = %(tx)s"

_MARKED = sql.SQL("select tx from {} where tx = any(%(txs)s)")

STRETCH_S = DEADLINE_S / 3
"""A connection is lent for one deadline, and each call needs time of its own within that: a new one begins until then."""

_ENDINGS: dict[Decision, sql.SQL] = {
    Decision.COMMIT: sql.SQL("commit prepared {}"),
    Decision.ABORT: sql.SQL("rollback prepared {}"),
}


class PostgresResource(TwoPools[Database], Generic[W]):
    """One database; an async context manager. `marker` is the table whose rows name, as `tx`, what is committed.

    `only_reads` tells of which works nothing is written here; the server would not let them.
    """

    def __init__(
        self,
        name: str,
        url: str,
        work: PostgresWork[W],
        *,
        marker: str,
        only_reads: Callable[[W], bool] = lambda _: False,
        within_s: float = DEADLINE_S,
        lock_within_s: float = LOCK_WITHIN_S,
    ) -> None:
        self.name = name
        self._work = work
        self._marked = _MARKED.format(sql.Identifier(marker))
        self._only_reads = only_reads
        super().__init__(
            # All that may be in work at once are open beforehand: to open them when they are needed feeds a stall.
            working=Database(url, ready=12, within_s=within_s, lock_within_s=lock_within_s),
            settling=Database(url, connections=SETTLED_AT_ONCE, waiting=400, ready=SETTLED_AT_ONCE),
        )

    async def begin(self, xid: Xid, work: W, *, alone: bool = False) -> Branch:
        """Begin a branch and do its work."""
        only_reads = self._only_reads(work)
        beginning = _BEGIN_READING if only_reads else _BEGIN
        await self.open_for_work()
        held = AsyncExitStack()
        try:
            connection = await held.enter_async_context(self._working.connection())
            await connection.execute(beginning.format(sql.Literal(str(xid))))
            if alone:
                await connection.execute(_DECIDE_ALONE, {"tx": xid.tx})
            await self._work(connection, work)
        except BaseException as error:
            await held.aclose()  # a connection inside a transaction is closed, which undoes it
            if isinstance(error, psycopg.Error):
                raise ResourceError(self._words(error)) from error
            raise
        branch = BranchId(xid=xid, gid=f"{xid}:{self.name}")
        return PostgresBranch(self, branch, connection, held, only_reads=only_reads)

    async def in_doubt(self, group: str) -> list[BranchId]:
        """Return the prepared branches of this group in this database."""
        try:
            rows = await self._settling.fetch(
                "select gid from pg_prepared_xacts where database = current_database()"
            )
        except psycopg.Error as error:
            raise ResourceError(self._words(error)) from error
        named = [(Xid.parse(gid.removesuffix(f":{self.name}")), gid) for (gid,) in rows]
        return [BranchId(xid=x, gid=gid) for x, gid in named if x and x.group == group]

    async def _settle_stretch(self, stretch: Sequence[Ending]) -> list[Settled | ResourceError]:
        """Return what came of each, as far as the first without an answer, or until the connection has had its time."""
        found: list[Settled | ResourceError] = []
        now_s = asyncio.get_running_loop().time
        until_s = now_s() + STRETCH_S
        try:
            async with self._settling.connection() as connection:
                for branch, decision in stretch:
                    found.append(await self._settle(connection, branch, decision))
                    if now_s() > until_s:
                        break
        except psycopg.Error as error:
            found.append(ResourceError(self._words(error)))
        return found

    async def _settle(
        self, connection: Connection, branch: BranchId, decision: Decision
    ) -> Settled | DeniedError:
        """Return what was found; neither answer makes the connection worse than it was."""
        try:
            await connection.execute(_ENDINGS[decision].format(sql.Literal(branch.gid)))
        except errors.UndefinedObject:
            is_done = decision is Decision.ABORT or bool(
                await self._with_marker(connection, [branch.xid.tx])
            )
            return Settled.DONE if is_done else Settled.MISSING
        except errors.InsufficientPrivilege as error:  # another role has prepared it
            return DeniedError(f"{self._words(error)}; {error.diag.message_hint}")
        return Settled.DONE

    async def decided_alone(self, tx: str) -> Decision:
        """Bar what has not committed, unless it has; what is just being committed is waited for."""
        try:
            async with self._settling.connection() as connection:
                await connection.execute(_BAR, {"tx": tx})
                cursor = await connection.execute(_DECIDED_ALONE, {"tx": tx})
                [[decision]] = await cursor.fetchall()
        except psycopg.Error as error:
            raise ResourceError(self._words(error)) from error
        return Decision(decision)

    async def have_marker(self, txs: Collection[str]) -> set[str]:
        """Return those whose work is committed here."""
        try:
            async with self._settling.connection() as connection:
                return await self._with_marker(connection, txs)
        except psycopg.Error as error:
            raise ResourceError(self._words(error)) from error

    async def _with_marker(self, connection: Connection, txs: Collection[str]) -> set[str]:
        cursor = await connection.execute(self._marked, {"txs": list(txs)})
        return {tx for (tx,) in await cursor.fetchall()}

    def _words(self, error: psycopg.Error) -> str:
        first = next(iter(str(error).splitlines()), "")
        return f"{self.name}: {type(error).__name__} {first}".strip()


class PostgresBranch(Generic[W]):
    """Work that was done on a connection of its own, which is given back once it is prepared."""

    def __init__(
        self,
        resource: PostgresResource[W],
        branch: BranchId,
        connection: Connection,
        held: AsyncExitStack,
        *,
        only_reads: bool,
    ) -> None:
        self.id = branch
        self._only_reads = only_reads
        self._resource = resource
        self._connection = connection
        self._held = held
        self._is_asked = False

    async def prepare(self) -> Vote:
        """Prepare; what the deferred constraints of the database refuse is a No."""
        if self._only_reads:
            await self._end(sql.SQL("commit"), COMMITTED_TAG)
            return Vote.READ_ONLY
        self._is_asked = True
        await self._end(
            sql.SQL("prepare transaction {}").format(sql.Literal(self.id.gid)), PREPARED_TAG
        )
        return Vote.YES

    async def commit_alone(self) -> None:
        """Commit as any local transaction."""
        await self._end(sql.SQL("commit"), COMMITTED_TAG)

    async def _end(self, statement: sql.SQL | sql.Composed, tag: str) -> None:
        try:
            async with self._held:
                cursor = await self._connection.execute(statement)
        except errors.IntegrityError as error:
            raise RefusedError(f"{self._resource.name}: {error.diag.message_primary}") from error
        except psycopg.Error as error:
            # What the server says is a No; what it does not say any more is unknown.
            what = "outcome unknown" if error.sqlstate is None else "no"
            words = " ".join(str(error).split())
            raise ResourceError(f"{self._resource.name}: {what}: {words}") from error
        # In a transaction that has failed, these raise nothing: they roll back, and only their tag says so.
        if cursor.statusmessage != tag:
            raise ResourceError(f"{self._resource.name}: answered {cursor.statusmessage}")

    async def commit(self) -> None:
        """Commit what was prepared, from another connection."""
        if await self._resource.settle(self.id, Decision.COMMIT) is Settled.MISSING:
            raise ResourceError(f"{self._resource.name}: {self.id.gid} is not prepared")

    async def roll_back(self) -> None:
        """Undo everything; closing a connection that is inside a transaction does."""
        await self._held.aclose()
        if self._is_asked:
            await self._resource.settle(self.id, Decision.ABORT)
