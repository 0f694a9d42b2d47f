"""The payments worker: freezes money on customers' accounts, then captures it or gives it back."""

import os

from dtx.patterns.common.barrier import Barrier
from dtx.patterns.common.database import Database
from dtx.patterns.tcc.definition import About
from dtx.patterns.tcc.participant import Participant, Resource, serve_participant


class Payment(About, frozen=True, kw_only=True):
    """Take `amount` cents from `customer`."""

    customer: str
    amount: int


# One statement each: the money moves, and what says so is written, or nothing is.

_RESERVE = """
    with frozen as (
        update accounts set balance = balance - %(amount)s, frozen = frozen + %(amount)s
        where customer = %(customer)s and balance >= %(amount)s
        returning customer
    )
    insert into reservations (tx, customer, amount, status, expires_at)
    select
        %(tx)s, customer, %(amount)s, 'TRIED',
        clock_timestamp() + %(expires_after_s)s * interval '1 second'
    from frozen
"""

_CONFIRM = """
    with confirmed as (
        update reservations set status = 'CONFIRMED' where tx = %(tx)s and status = 'TRIED'
        returning customer, amount
    ), captured as (
        update accounts set frozen = frozen - c.amount, captured = captured + c.amount
        from confirmed c where accounts.customer = c.customer
    )
    insert into payment_effects (tx, step, effect, amount)
    select %(tx)s, 'confirm', 'applied', amount from confirmed
"""

_CANCEL = """
    with cancelled as (
        update reservations set status = 'CANCELLED' where tx = %(tx)s and status = 'TRIED'
        returning customer, amount
    )
    update accounts set balance = balance + c.amount, frozen = frozen - c.amount
    from cancelled c where accounts.customer = c.customer
"""

PAYMENTS = Resource(
    order=Payment,
    reserve=_RESERVE,
    confirm=_CONFIRM,
    cancel=_CANCEL,
    describe=lambda order: f"{order.amount} of {order.customer}",
)


def main() -> None:
    """Run the worker."""
    database = Database(os.environ["DATABASE_URL"])
    serve_participant(database, Participant(Barrier(database), PAYMENTS))


if __name__ == "__main__":
    main()
