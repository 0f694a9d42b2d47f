"""Broken: a repeated confirm takes the money once more (S3: it takes effect again on a retry)."""

import os

from dtx.patterns.common.barrier import ActionEffect, Answer, Barrier
from dtx.patterns.common.database import Connection, Database
from dtx.patterns.common.narration import tell
from dtx.patterns.tcc.participant import Participant, serve_participant
from dtx.patterns.tcc.payments import PAYMENTS

_AGAIN = """
    with taken as (
        update accounts a set balance = balance - r.amount, captured = captured + r.amount
        from reservations r
        where r.tx = %(tx)s and a.customer = r.customer and a.balance >= r.amount
        returning r.amount
    )
    insert into payment_effects (tx, step, effect, amount)
    select %(tx)s, 'confirm', 'applied', amount from taken
"""


class ForgetfulBarrier(Barrier):
    """Knows a repeated confirm when it sees one, and does it all the same."""

    async def repeated(
        self, connection: Connection, tx: str, step: str, effect: ActionEffect
    ) -> Answer:
        """Capture a second time, from the balance; the answer is the recorded one."""
        if step == "confirm":
            tell(tx, "confirmed before; the money is taken again")
            await connection.execute(_AGAIN, {"tx": tx})
        return await super().repeated(connection, tx, step, effect)


def main() -> None:
    """Run the worker."""
    database = Database(os.environ["DATABASE_URL"])
    serve_participant(database, Participant(ForgetfulBarrier(database), PAYMENTS))


if __name__ == "__main__":
    main()
