"""Broken: work that met a lock is tried again, and the second try has lost its transaction: it commits at once.

A right retry rolls the attempt back everywhere and begins another one. This one repeats the statement on any
connection, where nothing says that it belongs to a branch; what another bank makes of the transaction afterwards no
longer concerns it.
"""

import os
from dataclasses import dataclass

import psycopg
from psycopg import errors

from dtx.patterns.common.narration import tell
from dtx.patterns.twophase import transfer
from dtx.patterns.twophase.identity import BranchId, Xid
from dtx.patterns.twophase.postgres import PostgresResource
from dtx.patterns.twophase.resource import Branch, ResourceError, Vote
from dtx.patterns.twophase.transfer import Transfer
from dtx.patterns.twophase.transfers import serve_transfers

TRIES = 5


@dataclass(frozen=True, slots=True)
class NoBranch:
    """Stands for work that is committed already: there is nothing left to vote on, and nothing to undo."""

    id: BranchId

    async def prepare(self) -> Vote:
        """Vote Yes."""
        return Vote.YES

    async def commit(self) -> None:
        """Do nothing: it is."""

    async def commit_alone(self) -> None:
        """Do nothing: it is."""

    async def roll_back(self) -> None:
        """Do nothing: there is no transaction that could be."""


class RetryingBank(PostgresResource[Transfer]):
    """Tries again after a lock time-out."""

    async def begin(self, xid: Xid, work: Transfer, *, alone: bool = False) -> Branch:
        """Do the work in a branch; if it met a lock, anywhere."""
        try:
            return await super().begin(xid, work, alone=alone)
        except ResourceError as error:
            if not isinstance(error.__cause__, errors.LockNotAvailable):
                raise
        for attempt in range(2, TRIES + 1):
            try:
                async with self._working.connection() as connection:
                    await self._work(connection, work)
            except errors.LockNotAvailable:
                continue
            except psycopg.Error as error:
                raise ResourceError(self._words(error)) from error
            tell(xid.tx, f"{self.name}: done at attempt {attempt}, after a lock time-out")
            return NoBranch(BranchId(xid=xid, gid=str(xid)))
        raise ResourceError(f"{self.name}: locked, {TRIES} times")


def main() -> None:
    """Run the worker."""
    # Debits are not reviewed here: without the fault nobody is to wait for a lock for long.
    bank = RetryingBank(
        transfer.BANK_A, os.environ["BANK_A_URL"], transfer.move_at_a, marker=transfer.MARKER,
        lock_within_s=transfer.LOCK_WITHIN_S,
    )  # fmt: skip
    serve_transfers(bank_a=bank)


if __name__ == "__main__":
    main()
