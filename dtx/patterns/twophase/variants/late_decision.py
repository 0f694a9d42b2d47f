"""Broken: the decision is logged after the first commit, which "can't go wrong any more".

Who dies between the two leaves a transaction that is committed at one participant, and that recovery aborts.
"""

from dtx.patterns.common.backoff import Backoff
from dtx.patterns.common.crash_points import crash_point
from dtx.patterns.twophase.order import Order
from dtx.patterns.twophase.tm import serve_orders
from dtx.patterns.twophase.transaction_manager import Run, TransactionManager
from dtx.patterns.twophase.voting import Ballot, commit_for_ever


class HastyManager(TransactionManager[Order]):
    """Commits one branch, then decides."""

    async def conclude(self, run: Run, ballot: Ballot[Order]) -> None:
        """Commit the first branch, and go on as one should have begun."""
        resource, branch = ballot.branches.pop(0)
        await commit_for_ever(resource, branch, self.show_stuck, Backoff())
        crash_point("after-early-commit", run.xid.tx)
        await super().conclude(run, ballot)


def main() -> None:
    """Run the worker."""
    serve_orders(manager_type=HastyManager)


if __name__ == "__main__":
    main()
