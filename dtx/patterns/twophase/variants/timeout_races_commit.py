"""Broken: a time-out rolls back the votes that are in, and nobody tells those who wait for the last one.

The last vote comes, and is a Yes like the others: the decision is commit. The participant whose vote was late commits
alone. Nothing compares the time-out's decision with the other one, since it is written down nowhere.
"""

import asyncio
from collections.abc import Sequence

from dtx.patterns.common.narration import tell
from dtx.patterns.twophase.identity import BranchId, Xid
from dtx.patterns.twophase.order import Order
from dtx.patterns.twophase.resource import Decision, ResourceError, ResourceManager
from dtx.patterns.twophase.tm import serve_orders
from dtx.patterns.twophase.transaction_manager import Run, TransactionManager
from dtx.patterns.twophase.voting import Ballot

VOTES_WITHIN_S = 0.3
ANSWER_WITHIN_S = 0.1
"""A time-out does not wait for participants that are slow themselves."""


class ImpatientManager(TransactionManager[Order]):
    """Has a second opinion about what takes too long."""

    async def ask_for_votes(self, run: Run, ballot: Ballot[Order]) -> None:
        """Let all vote, with a clock beside that ends on its own account."""
        timing = asyncio.create_task(self._time_out(run.xid))
        try:
            await super().ask_for_votes(run, ballot)
        finally:
            timing.cancel()

    async def _time_out(self, xid: Xid) -> None:
        await asyncio.sleep(VOTES_WITHIN_S)
        tell(
            xid.tx, f"no vote from all within {VOTES_WITHIN_S} s: rolled back where it is prepared"
        )
        # Goes on though the votes come meanwhile: it has begun.
        await asyncio.shield(
            asyncio.gather(*(self._roll_back(resource, xid) for resource in self.resources))
        )

    async def _roll_back(self, resource: ResourceManager[Order], xid: Xid) -> None:
        for branch in await _prepared(resource, xid):
            try:
                await resource.settle(branch, Decision.ABORT)
            except ResourceError as error:
                tell(xid.tx, f"not rolled back by the time-out: {error}")
            else:
                tell(
                    xid.tx,
                    f"rolled back by the time-out at {resource.name}, while others may still vote",
                )


async def _prepared(resource: ResourceManager[Order], xid: Xid) -> Sequence[BranchId]:
    listing = asyncio.create_task(resource.in_doubt(xid.group))
    await asyncio.wait({listing}, timeout=ANSWER_WITHIN_S)
    if not listing.done():
        listing.add_done_callback(lambda done: done.exception())
        return ()
    try:
        return [branch for branch in listing.result() if branch.xid == xid]
    except ResourceError:
        return ()


def main() -> None:
    """Run the worker."""
    serve_orders(manager_type=ImpatientManager)


if __name__ == "__main__":
    main()
