"""Broken: a cancel gives back what was never frozen (S1: an empty cancel is not handled)."""

import os

import msgspec

from dtx.patterns.common.barrier import Answer, Barrier, CompensationEffect
from dtx.patterns.common.database import Connection, Database
from dtx.patterns.common.narration import tell
from dtx.patterns.tcc.definition import About
from dtx.patterns.tcc.participant import Participant, serve_participant
from dtx.patterns.tcc.payments import PAYMENTS, Payment

_GIVE = """
    with cancelled as (
        update reservations set status = 'CANCELLED' where tx = %(tx)s
    )
    update accounts set balance = balance + %(amount)s, frozen = frozen - %(amount)s
    where customer = %(customer)s
"""


class TrustingBarrier(Barrier):
    """Takes whoever asks to cancel at their word: there must have been a try."""

    async def never_came(
        self, connection: Connection, tx: str, step: str, effect: CompensationEffect
    ) -> Answer:
        """Cancel what has not come, and bar it all the same."""
        await super().never_came(connection, tx, step, effect)
        tell(tx, "no try has ever come; it is cancelled all the same")
        await effect(connection)
        return Answer.UNDONE


class GivingPayments(Participant[Payment]):
    """Gives back the amount that it is told, without a look at what it had frozen."""

    async def free(self, connection: Connection, order: About) -> None:
        """Give the amount back."""
        if isinstance(order, Payment):
            await connection.execute(_GIVE, msgspec.structs.asdict(order))
        else:
            await super().free(connection, order)


def main() -> None:
    """Run the worker."""
    database = Database(os.environ["DATABASE_URL"])
    serve_participant(database, GivingPayments(TrustingBarrier(database), PAYMENTS))


if __name__ == "__main__":
    main()
