"""Not broken by itself: branches are committed one after the other, so that a death comes between them more often."""

from dtx.patterns.common.backoff import Backoff
from dtx.patterns.twophase.decision_log import Record
from dtx.patterns.twophase.identity import Xid
from dtx.patterns.twophase.order import Order
from dtx.patterns.twophase.resource import Decision
from dtx.patterns.twophase.transaction_manager import TransactionManager
from dtx.patterns.twophase.voting import Ballot, commit_for_ever


class OneByOneManager(TransactionManager[Order]):
    """Carries out a decision in no hurry."""

    async def carry_out(self, xid: Xid, ballot: Ballot[Order], record: Record) -> None:
        """Commit all branches but the last, in order, and go on as usual."""
        while record.of(xid) is Decision.COMMIT and len(ballot.branches) > 1:
            resource, branch = ballot.branches.pop(0)
            await commit_for_ever(resource, branch, self.show_stuck, Backoff())
            self.pass_between(xid.tx)
        await super().carry_out(xid, ballot, record)

    def pass_between(self, tx: str) -> None:
        """One more branch is committed."""
