"""Broken: the decision to commit is not logged; the manager remembers it.

Who dies during the commits has decided nothing as far as anybody can tell, and recovery presumes abort.
"""

from collections.abc import Collection

from dtx.patterns.common.backoff import Backoff
from dtx.patterns.common.crash_points import crash_point
from dtx.patterns.common.database import Database
from dtx.patterns.twophase.decision_log import DecisionLog, Record
from dtx.patterns.twophase.identity import Xid
from dtx.patterns.twophase.order import Order
from dtx.patterns.twophase.resource import Decision
from dtx.patterns.twophase.tm import serve_orders
from dtx.patterns.twophase.transaction_manager import TransactionManager
from dtx.patterns.twophase.voting import Ballot, commit_for_ever


class Memory(DecisionLog):
    """Keeps commits in this process, aborts in the log."""

    def __init__(self, group: str, database: Database) -> None:
        super().__init__(group, database)
        self._committed: dict[str, Record] = {}

    async def decide(
        self, xid: Xid, decision: Decision, *, epoch: int, participants: tuple[str, ...] = ()
    ) -> Record:
        """Remember a commit."""
        if decision is Decision.ABORT:
            return await super().decide(xid, decision, epoch=epoch)
        record = Record(xid=xid, decision=decision, participants=participants)
        return self._committed.setdefault(xid.tx, record)

    async def read(self, txs: Collection[str]) -> dict[str, Record]:
        """Look into both."""
        remembered = {tx: self._committed[tx] for tx in txs if tx in self._committed}
        return await super().read(txs) | remembered


class OneByOneManager(TransactionManager[Order]):
    """Commits the first branch before the others, so that one can die in between."""

    async def carry_out(self, xid: Xid, ballot: Ballot[Order], record: Record) -> None:
        """Commit one, then the rest."""
        resource, branch = ballot.branches.pop(0)
        await commit_for_ever(resource, branch, self.show_stuck, Backoff())
        crash_point("after-first-commit", xid.tx)
        await super().carry_out(xid, ballot, record)


def main() -> None:
    """Run the worker."""
    serve_orders(manager_type=OneByOneManager, log_type=Memory)


if __name__ == "__main__":
    main()
