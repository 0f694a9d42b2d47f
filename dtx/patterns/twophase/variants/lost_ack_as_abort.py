"""Broken: a decision whose acknowledgement is lost is reported as an abort; what became of it is left to recovery.

The decision may be in the log. Then recovery commits what the client was told is rolled back.
"""

import asyncio

import psycopg

from dtx.patterns.common.narration import tell
from dtx.patterns.twophase.decision_log import Record
from dtx.patterns.twophase.order import Order
from dtx.patterns.twophase.resource import Decision
from dtx.patterns.twophase.tm import serve_orders
from dtx.patterns.twophase.transaction_manager import Run, TransactionManager
from dtx.patterns.twophase.voting import Ballot

LOG_WITHIN_S = 1.0


class GivingUpManager(TransactionManager[Order]):
    """Asks the log once."""

    async def conclude(self, run: Run, ballot: Ballot[Order]) -> None:
        """Take an error as an abort."""
        try:
            async with asyncio.timeout(LOG_WITHIN_S):
                record = await self.log.decide(run.xid, Decision.COMMIT)
        except (psycopg.Error, TimeoutError) as error:
            tell(run.xid.tx, f"not committed: {type(error).__name__}; the branches are recovery's")
            run.record = Record(xid=run.xid, decision=Decision.ABORT)
            return
        run.record = record
        await self.carry_out(run.xid, ballot, record)


def main() -> None:
    """Run the worker."""
    serve_orders(manager_type=GivingUpManager)


if __name__ == "__main__":
    main()
