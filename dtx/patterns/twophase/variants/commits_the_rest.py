"""Broken: if inventory's vote does not come in time it is left out, and the rest commits.

The vote may be a No that is still on its way.
"""

import asyncio

from dtx.patterns.common.narration import tell
from dtx.patterns.twophase.order import Order
from dtx.patterns.twophase.tm import serve_orders
from dtx.patterns.twophase.transaction_manager import Run, TransactionManager
from dtx.patterns.twophase.voting import Ballot

DISPENSABLE = "inventory"
VOTE_WITHIN_S = 0.3


class MajorityManager(TransactionManager[Order]):
    """Goes on with those that answer."""

    async def ask_for_votes(self, run: Run, ballot: Ballot[Order]) -> None:
        """Let all vote; a No in time ends it, silence does not."""
        votes = {
            asyncio.create_task(branch.prepare()): (rm, branch) for rm, branch in ballot.branches
        }
        late = [vote for vote, (rm, _) in votes.items() if rm.name == DISPENSABLE]
        await asyncio.wait(votes.keys() - set(late))
        await asyncio.wait(late, timeout=VOTE_WITHIN_S)
        for vote, (rm, branch) in votes.items():
            if vote.done():
                vote.result()
                continue
            vote.add_done_callback(lambda done: done.exception())
            ballot.branches.remove((rm, branch))
            tell(
                run.xid.tx,
                f"no vote of {rm.name} within {VOTE_WITHIN_S} s: the others commit without it",
            )


def main() -> None:
    """Run the worker."""
    serve_orders(manager_type=MajorityManager)


if __name__ == "__main__":
    main()
