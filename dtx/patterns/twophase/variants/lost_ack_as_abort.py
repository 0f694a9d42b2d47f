"""Broken: a decision whose acknowledgement is lost is reported as an abort; what became of it is left to recovery.

The decision may be in the log. Then recovery commits what the client was told is rolled back.
"""

import asyncio
from typing import ClassVar

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
    """Asks the log once, and believes what it made of the silence."""

    _given_up: ClassVar[dict[str, Record]] = {}

    async def conclude(self, run: Run, ballot: Ballot[Order]) -> None:
        """Take an error as an abort."""
        try:
            async with asyncio.timeout(LOG_WITHIN_S):
                record = await self.log.decide(
                    run.xid, Decision.COMMIT, epoch=run.xid.epoch, participants=ballot.participants
                )
        except (psycopg.Error, TimeoutError) as error:
            tell(run.xid.tx, f"not committed: {type(error).__name__}; the branches are recovery's")
            run.record = self._given_up[run.xid.tx] = Record(xid=run.xid, decision=Decision.ABORT)
            return
        run.record = record
        await self.carry_out(run.xid, ballot, record)

    async def inquire(self, tx: str) -> Decision | None:
        """Tell what was told before."""
        return Decision.ABORT if tx in self._given_up else await super().inquire(tx)


def main() -> None:
    """Run the worker."""
    serve_orders(manager_type=GivingUpManager)


if __name__ == "__main__":
    main()
