"""The inventory worker: sets stock aside, then sells it or puts it back."""

import os

from dtx.patterns.common.barrier import Barrier
from dtx.patterns.common.database import Database
from dtx.patterns.tcc.definition import About
from dtx.patterns.tcc.participant import Participant, Resource, serve_participant


class Pieces(About, frozen=True, kw_only=True):
    """Take `quantity` pieces of `sku`."""

    sku: str
    quantity: int


# One statement each: the stock moves, and what says so is written, or nothing is.

_RESERVE = """
    with frozen as (
        update stock set available = available - %(quantity)s, frozen = frozen + %(quantity)s
        where sku = %(sku)s and available >= %(quantity)s
        returning sku
    )
    insert into reservations (tx, sku, quantity, status, expires_at)
    select
        %(tx)s, sku, %(quantity)s, 'TRIED',
        clock_timestamp() + %(expires_after_s)s * interval '1 second'
    from frozen
"""

_CONFIRM = """
    with confirmed as (
        update reservations set status = 'CONFIRMED' where tx = %(tx)s and status = 'TRIED'
        returning sku, quantity
    ), sold as (
        update stock set frozen = frozen - c.quantity, sold = sold + c.quantity
        from confirmed c where stock.sku = c.sku
    )
    insert into inventory_effects (tx, step, effect, amount)
    select %(tx)s, 'confirm', 'applied', quantity from confirmed
"""

_CANCEL = """
    with cancelled as (
        update reservations set status = 'CANCELLED' where tx = %(tx)s and status = 'TRIED'
        returning sku, quantity
    )
    update stock set available = available + c.quantity, frozen = stock.frozen - c.quantity
    from cancelled c where stock.sku = c.sku
"""

INVENTORY = Resource(
    order=Pieces,
    reserve=_RESERVE,
    confirm=_CONFIRM,
    cancel=_CANCEL,
    describe=lambda order: f"{order.quantity} {order.sku}",
)


def main() -> None:
    """Run the worker."""
    database = Database(os.environ["DATABASE_URL"])
    serve_participant(database, Participant(Barrier(database), INVENTORY))


if __name__ == "__main__":
    main()
