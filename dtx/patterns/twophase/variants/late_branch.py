"""Broken: the queue's branch is registered after the others, too late for the record of the decision.

Who decided knows of it, and commits it. Recovery goes by the record: a branch that it does not name is nobody's.
"""

from collections.abc import Sequence

from dtx.patterns.common.narration import tell
from dtx.patterns.twophase.decision_log import Record
from dtx.patterns.twophase.identity import BranchId, Xid
from dtx.patterns.twophase.order import Order
from dtx.patterns.twophase.recovery import Recovery
from dtx.patterns.twophase.resource import Decision, ResourceManager
from dtx.patterns.twophase.tm import serve_orders
from dtx.patterns.twophase.transaction_manager import TransactionManager

LATE = "queue"


class EarlyRecordManager(TransactionManager[Order]):
    """Writes down who took part before all have come."""

    async def _decided(self, xid: Xid, participants: tuple[str, ...]) -> Record:
        """Decide for those that were there first."""
        return await super()._decided(xid, tuple(name for name in participants if name != LATE))


class RecoveryByRecord(Recovery[Order]):
    """Ends what the record of a commit names."""

    async def _end(
        self, orphans: Sequence[tuple[ResourceManager[Order], BranchId]], epoch: int
    ) -> set[BranchId]:
        """Leave the others alone."""
        records = await self.log.read({branch.xid.tx for _, branch in orphans})
        known: list[tuple[ResourceManager[Order], BranchId]] = []
        for rm, branch in orphans:
            record = records.get(branch.xid.tx)
            if record and record.decision is Decision.COMMIT and rm.name not in record.participants:
                tell(branch.xid.tx, f"{rm.name} is not named in the decision: its branch is left")
            else:
                known.append((rm, branch))
        return await super()._end(known, epoch)


def main() -> None:
    """Run the worker."""
    serve_orders(manager_type=EarlyRecordManager, recovery_type=RecoveryByRecord)


if __name__ == "__main__":
    main()
