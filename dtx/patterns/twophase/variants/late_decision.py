"""Broken: the decision is logged after the first commit, which "can't go wrong any more".

Who dies between the two leaves a transaction that is committed at one participant, and that recovery aborts.
"""

from dtx.patterns.common.backoff import Backoff
from dtx.patterns.common.crash_points import crash_point
from dtx.patterns.common.service import serve
from dtx.patterns.twophase.decision_log import DecisionLog
from dtx.patterns.twophase.face import routes
from dtx.patterns.twophase.order import Order
from dtx.patterns.twophase.recovery import Recovery
from dtx.patterns.twophase.tm import Resources, group, log_database
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
    database = log_database()
    resources = Resources.from_environment()
    log = DecisionLog(group(), database)
    manager = HastyManager(group(), resources.stages, log)
    serve(database, routes(manager), *resources.all, log, manager, Recovery(manager, log))


if __name__ == "__main__":
    main()
