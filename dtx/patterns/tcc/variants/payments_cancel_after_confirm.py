"""Broken: a cancel is accepted after the confirm, and gives the money back (S17)."""

import os

from dtx.patterns.common.barrier import Barrier
from dtx.patterns.common.database import Connection, Database
from dtx.patterns.common.narration import tell
from dtx.patterns.tcc.definition import About
from dtx.patterns.tcc.participant import NothingReservedError, Participant, serve_participant
from dtx.patterns.tcc.payments import PAYMENTS, Payment

_GIVE_BACK = """
    with cancelled as (
        update reservations set status = 'CANCELLED' where tx = %(tx)s and status = 'CONFIRMED'
        returning customer, amount
    ), given as (
        update accounts set balance = balance + c.amount, captured = captured - c.amount
        from cancelled c where accounts.customer = c.customer
    )
    insert into payment_effects (tx, step, effect, amount)
    select %(tx)s, 'confirm', 'undone', amount from cancelled
"""


class ObligingPayments(Participant[Payment]):
    """Cancels whatever it is asked to."""

    async def free(self, connection: Connection, order: About) -> None:
        """Free what is frozen, or give back what is captured."""
        try:
            await super().free(connection, order)
        except NothingReservedError:
            tell(order.tx, "confirmed already; cancelled all the same, the money is given back")
            await connection.execute(_GIVE_BACK, {"tx": order.tx})


def main() -> None:
    """Run the worker."""
    database = Database(os.environ["DATABASE_URL"])
    serve_participant(database, ObligingPayments(Barrier(database), PAYMENTS))


if __name__ == "__main__":
    main()
