"""Broken: attempts are numbered in memory, from one at each start, and a decision is looked for under the number first.

After a restart an order finds the decision about an earlier one that had its number, and takes it for its own.
"""

import itertools

from dtx.patterns.common.narration import tell
from dtx.patterns.twophase.decision_log import DecisionLog, Record
from dtx.patterns.twophase.identity import Xid
from dtx.patterns.twophase.order import Order
from dtx.patterns.twophase.resource import Decision
from dtx.patterns.twophase.tm import serve_orders
from dtx.patterns.twophase.transaction_manager import TransactionManager

_UNDER_NUMBER = """
    select tx, decision from decisions
    where tm_group = %(tm_group)s and split_part(attempt, '.', 2) = %(number)s and tx <> %(tx)s
    order by epoch
"""


class CountingManager(TransactionManager[Order]):
    """Gives each attempt the next number."""

    _numbers = itertools.count(1)

    def new_attempt(self, tx: str, *, epoch: int) -> Xid:
        """Count."""
        return Xid(group=self.group, tx=tx, attempt=f"{epoch:x}.{next(self._numbers):08x}")


class LogByNumber(DecisionLog):
    """Takes two attempts with one number for the same."""

    async def decide(
        self, xid: Xid, decision: Decision, *, epoch: int, participants: tuple[str, ...] = ()
    ) -> Record:
        """Return what is decided under this number; decide if nothing is."""
        match await self._decided_before(xid), decision:
            case Decision.COMMIT, Decision.ABORT:
                return Record(xid=xid, decision=Decision.COMMIT)
            case Decision.ABORT, _:
                return await super().decide(xid, Decision.ABORT, epoch=epoch)
            case _:
                return await super().decide(xid, decision, epoch=epoch, participants=participants)

    async def _decided_before(self, xid: Xid) -> Decision | None:
        number = xid.attempt.partition(".")[2]
        found = await self._database.fetch(
            _UNDER_NUMBER, {"tm_group": self._group, "tx": xid.tx, "number": number}
        )
        if not found:
            return None
        tx, decision = found[0]
        tell(xid.tx, f"number {int(number, 16)} is decided already, {decision}, as that of {tx}")
        return Decision(decision)


def main() -> None:
    """Run the worker."""
    serve_orders(manager_type=CountingManager, log_type=LogByNumber)


if __name__ == "__main__":
    main()
