"""The orders worker: keeps orders, which count once they are confirmed."""

import os

from dtx.patterns.common.barrier import Barrier
from dtx.patterns.common.database import Database
from dtx.patterns.tcc.definition import About
from dtx.patterns.tcc.participant import Participant, Resource, serve_participant


class Order(About, frozen=True, kw_only=True):
    """Keep an order of `quantity` pieces of `sku` at `price` cents each."""

    customer: str
    sku: str
    quantity: int
    price: int


_RESERVE = """
    insert into orders (tx, customer, sku, quantity, price, status, expires_at)
    values (
        %(tx)s, %(customer)s, %(sku)s, %(quantity)s, %(price)s, 'TRIED',
        clock_timestamp() + %(expires_after_s)s * interval '1 second'
    )
"""

_CONFIRM = """
    with confirmed as (
        update orders set status = 'CONFIRMED' where tx = %(tx)s and status = 'TRIED' returning tx
    )
    insert into order_effects (tx, step, effect, amount) select tx, 'confirm', 'applied', 1 from confirmed
"""

ORDERS = Resource(
    order=Order,
    reserve=_RESERVE,
    confirm=_CONFIRM,
    cancel="update orders set status = 'CANCELLED' where tx = %(tx)s and status = 'TRIED'",
    expired="""
        select tx from orders where status = 'TRIED' and expires_at < clock_timestamp()
        order by expires_at limit 100
    """,
    describe=lambda order: f"order of {order.quantity} {order.sku} by {order.customer}",
)


def main() -> None:
    """Run the worker."""
    database = Database(os.environ["DATABASE_URL"])
    serve_participant(database, Participant(Barrier(database), ORDERS))


if __name__ == "__main__":
    main()
