"""Broken: recovery takes what is prepared and undecided for abandoned, whoever is at work on it.

It runs at the standby too, which knows nothing of the work that its leader has in hand; and as presumed abort needs no
record, it writes none. The leader's decision comes to branches that are gone.
"""

import asyncio
import logging

import psycopg

from dtx.patterns.common.narration import tell
from dtx.patterns.twophase.decision_log import Record
from dtx.patterns.twophase.identity import Xid
from dtx.patterns.twophase.order import Order
from dtx.patterns.twophase.recovery import Recovery
from dtx.patterns.twophase.resource import Decision
from dtx.patterns.twophase.tm import serve_orders

OLD_S = 2.2
SCAN_EVERY_S = 0.4

LAST_EPOCH = 2**62
"""No epoch is later: every branch is taken for one that may be ended."""

_logger = logging.getLogger(__name__)


class RecoveryOfAll(Recovery[Order]):
    """Recovers what others are doing, too."""

    async def undecided(self, xid: Xid, epoch: int) -> Record | None:
        """Presume abort of what is old, be it in somebody's hands or not."""
        del epoch
        now_s = self._clock()
        if now_s - self._first_seen_s.setdefault(xid, now_s) < OLD_S:
            return None
        tell(xid.tx, "prepared, undecided and not ours: rolled back without a record")
        return Record(xid=xid, decision=Decision.ABORT)

    async def run(self) -> None:
        """Scan for ever, leading or not."""
        while True:
            try:
                await self.scan(LAST_EPOCH)
            except psycopg.Error as error:
                _logger.warning("the decision log can't be used now: %s", error)
            await asyncio.sleep(SCAN_EVERY_S)


def main() -> None:
    """Run the worker, as leader or as standby."""
    serve_orders(recovery_type=RecoveryOfAll)


if __name__ == "__main__":
    main()
