"""Broken: a lease says who leads, and nothing else does: who believes that he leads writes what he has decided.

A leader that was stopped for longer than its lease decides on waking, over the abort record of the one who took over.
By then that one has rolled the branches back: what is committed and told is nowhere.
"""

from typing import LiteralString

from dtx.patterns.common.narration import tell
from dtx.patterns.twophase.decision_log import DecisionLog, Record
from dtx.patterns.twophase.identity import Xid
from dtx.patterns.twophase.resource import Decision
from dtx.patterns.twophase.tm import serve_orders

_WRITE: LiteralString = """
    with before as (select decision from decisions where tm_group = %(tm_group)s and tx = %(tx)s),
    written as (
        insert into decisions (tm_group, tx, attempt, decision, participants, epoch)
        values (%(tm_group)s, %(tx)s, %(attempt)s, %(decision)s, %(participants)s, %(epoch)s)
        on conflict (tm_group, tx) do update
        set attempt = excluded.attempt, decision = excluded.decision,
            participants = excluded.participants, epoch = excluded.epoch, decided_at = excluded.decided_at
        returning 1
    )
    select decision from before, written
"""


class TrustingLog(DecisionLog):
    """Trusts the lease: the last decision counts, not the first."""

    async def decide(
        self, xid: Xid, decision: Decision, *, epoch: int, participants: tuple[str, ...] = ()
    ) -> Record:
        """Write it, whatever stands there."""
        before = await self._database.fetch(
            _WRITE,
            {
                "tm_group": self._group,
                "tx": xid.tx,
                "attempt": xid.attempt,
                "decision": decision.value,
                "participants": " ".join(participants),
                "epoch": epoch,
            },
        )
        if before:
            tell(xid.tx, f"{decision} of epoch {epoch} is written over a decision: {before[0][0]}")
        return Record(xid=xid, decision=decision, participants=participants)


def main() -> None:
    """Run the worker, as leader or as standby."""
    serve_orders(log_type=TrustingLog)


if __name__ == "__main__":
    main()
