"""The decision log: the one place where it is decided how a transaction ends, shared by all transaction managers.

One row for each transaction that was decided, first come first served: `insert ... on conflict do nothing` is the
compare-and-set. A commit that comes after an abort record loses to it, so a manager that was stopped before its
decision can't commit what recovery has aborted meanwhile. docs/adr/0006 says why a table is a safe place.

A decision counts only in the epoch in which it is made (lease.py): the statement that inserts it locks the key of the
lease's row and compares the epoch. Whoever takes the lease changes that key, and so waits for decisions that are being
written; afterwards none of an earlier epoch can be, not even one that was on its way for an hour.

Presumed abort: what has no row is not committed. So nobody waits for an abort record before he rolls back his own work. But
what is told to a client stays true: a repeat of an order that was rejected would run, were its record lost. So aborts are
forced too before they are told; they share their writes with other decisions.
"""

from collections.abc import Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import LiteralString, Self

import psycopg

from dtx.patterns.common.database import Connection, Database
from dtx.patterns.twophase.group_commit import GroupCommit
from dtx.patterns.twophase.identity import Xid
from dtx.patterns.twophase.lease import NotLeadingError
from dtx.patterns.twophase.resource import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is decided about the attempt `xid`, and with it about every other attempt at its transaction: abort.

    Of a commit, `participants` are the resource managers that voted Yes, so those that have to commit.
    """

    xid: Xid
    decision: Decision
    participants: tuple[str, ...] = ()

    def of(self, xid: Xid) -> Decision:
        """Return what this record means for an attempt at its transaction."""
        return self.decision if xid == self.xid else Decision.ABORT


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A record that is to be written in `epoch`, if there is none yet."""

    record: Record
    epoch: int


class UnreadableDecisionError(psycopg.DataError):
    """The row of a transaction says what no manager writes: nobody may guess which decision that was."""


Found = Record | UnreadableDecisionError | None
"""What was found for a question; None if it came too late."""


class DecisionLog:
    """The table `decisions`; an async context manager. All methods may raise psycopg.Error: outcome unknown.

    Those that decide raise NotLeadingError if nothing is decided and the epoch is over. Then an attempt of that epoch
    can't be committed any more, by anybody, whatever became of earlier questions. They raise UnreadableDecisionError if
    the row that is there can't be understood; `read` leaves it out.
    """

    def __init__(self, group: str, database: Database) -> None:
        self._group = group
        self._database = database
        self._forced = GroupCommit(self._write_forced)
        self._forgotten = GroupCommit(self._write_forgotten)
        self._writers = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Begin to write."""
        for writer in (self._forced, self._forgotten):
            await self._writers.enter_async_context(writer)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop writing."""
        await self._writers.aclose()

    async def decide(
        self, xid: Xid, decision: Decision, *, epoch: int, participants: tuple[str, ...] = ()
    ) -> Record:
        """Force the decision to the disk unless there is one; return the one that counts."""
        record = Record(xid=xid, decision=decision, participants=participants)
        asked = Asked(record=record, epoch=epoch)
        return _counting(asked, await self._forced.submit(asked))

    async def read(self, txs: Collection[str]) -> dict[str, Record]:
        """Return what is decided about these transactions; nothing for one that is undecided."""
        async with self._database.connection() as connection:
            found = await self._read(connection, txs)
        return {tx: record for tx, record in found.items() if isinstance(record, Record)}

    async def unforgotten(self) -> list[Record]:
        """Return what is committed, but maybe not yet by all its participants, and what an operator is shown."""
        rows = await self._database.fetch(
            "select tx, attempt, decision, participants from decisions"
            " where tm_group = %(tm_group)s"
            " and (decision = 'commit' and forgotten_at is null"
            " or decision in ('commit', 'abort') and stuck_since is not null)",
            {"tm_group": self._group},
        )
        return [self._record(*row) for row in rows]

    async def forget(self, xid: Xid) -> None:
        """Note that every branch has ended as decided: recovery need not look for it any more, nor an operator."""
        await self._forgotten.submit(xid)

    async def mark_stuck(self, xid: Xid) -> None:
        """Put the transaction in front of an operator, whichever attempt at it was decided, until it is forgotten."""
        await self._database.execute(
            "update decisions set stuck_since = coalesce(stuck_since, clock_timestamp())"
            " where tm_group = %(tm_group)s and tx = %(tx)s",
            {"tm_group": self._group, "tx": xid.tx},
        )

    async def _write_forced(self, asked: Sequence[Asked]) -> list[Found]:
        async with self._database.connection() as connection:
            inserted = await self._insert(connection, asked)
            return await self._found(connection, asked, inserted)

    async def _write_forgotten(self, xids: Sequence[Xid]) -> list[None]:
        async with self._database.transaction() as connection:
            await connection.execute(_NOT_FORCED)
            await connection.execute(
                "update decisions set forgotten_at = coalesce(forgotten_at, clock_timestamp()), stuck_since = null"
                " from unnest(%(txs)s::text[], %(attempts)s::text[]) as done (tx, attempt)"
                " where tm_group = %(tm_group)s and decisions.tx = done.tx and decisions.attempt = done.attempt"
                " and (forgotten_at is null or stuck_since is not null)",
                {
                    "tm_group": self._group,
                    "txs": [x.tx for x in xids],
                    "attempts": [x.attempt for x in xids],
                },
            )
        return [None] * len(xids)

    async def _insert(self, connection: Connection, asked: Sequence[Asked]) -> int:
        records = [each.record for each in asked]
        cursor = await connection.execute(
            _INSERT,
            {
                "tm_group": self._group,
                "txs": [record.xid.tx for record in records],
                "attempts": [record.xid.attempt for record in records],
                "decisions": [record.decision.value for record in records],
                "participants": [" ".join(record.participants) for record in records],
                "epochs": [each.epoch for each in asked],
            },
        )
        return cursor.rowcount

    async def _found(
        self, connection: Connection, asked: Sequence[Asked], inserted: int
    ) -> list[Found]:
        """Return the record that counts for each: its own, or one that was there before; None if it was too late."""
        if inserted == len(asked):
            return [each.record for each in asked]
        found = await self._read(connection, {each.record.xid.tx for each in asked})
        return [found.get(each.record.xid.tx) for each in asked]

    async def _read(self, connection: Connection, txs: Collection[str]) -> dict[str, Found]:
        cursor = await connection.execute(
            "select tx, attempt, decision, participants from decisions"
            " where tm_group = %(tm_group)s and tx = any(%(txs)s)",
            {"tm_group": self._group, "txs": list(txs)},
        )
        found: dict[str, Found] = {}
        for tx, attempt, decision, participants in await cursor.fetchall():
            try:
                found[tx] = self._record(tx, attempt, decision, participants)
            except ValueError as error:
                found[tx] = UnreadableDecisionError(
                    f"the row of {self._group}:{tx} in decisions can't be understood: {error}; an operator must mend it"
                )
        return found

    def _record(self, tx: str, attempt: str, decision: str, participants: str) -> Record:
        return Record(
            xid=Xid(group=self._group, tx=tx, attempt=attempt),
            decision=Decision(decision),
            participants=tuple(participants.split()),
        )


_NOT_FORCED: LiteralString = "set local synchronous_commit = off"

# In order of tx, so that two managers that insert the same ones never wait for each other in a circle. The lock is on
# the newest version of the lease's row, whatever this statement's snapshot is, and held to the end of its transaction.
_INSERT: LiteralString = """
    with lease as (select epoch from leases where tm_group = %(tm_group)s for key share)
    insert into decisions (tm_group, tx, attempt, decision, participants, epoch)
    select %(tm_group)s, asked.tx, asked.attempt, asked.decision, asked.participants, lease.epoch
    from unnest(
        %(txs)s::text[], %(attempts)s::text[], %(decisions)s::text[], %(participants)s::text[], %(epochs)s::bigint[]
    ) as asked (tx, attempt, decision, participants, epoch)
    join lease using (epoch)
    order by asked.tx
    on conflict do nothing
"""


def _counting(asked: Asked, found: Found) -> Record:
    if isinstance(found, UnreadableDecisionError):
        raise found
    if found is None:
        raise NotLeadingError(f"epoch {asked.epoch} is over: {asked.record.xid} stays undecided")
    return found
