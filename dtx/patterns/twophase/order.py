"""An order as a transaction over four databases: what is done in each, and the marker row that says it was.

The order and its event are new rows that nobody waits for. The customer's account and the product's stock are rows
that other orders want too: they are locked in this order, always.
"""

from typing import TypeVar

import msgspec

from dtx.patterns.common.database import Connection
from dtx.patterns.common.mariadb_sessions import MariaDbSession
from dtx.patterns.twophase.identity import is_transaction_name
from dtx.patterns.twophase.mariadb import MariaDbResource
from dtx.patterns.twophase.postgres import PostgresResource
from dtx.patterns.twophase.resource import RefusedError

PLACED = "order_effects"
PAID = "payment_effects"
RESERVED = "inventory_effects"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asks for; `price` is in cents for one piece."""

    tx: str
    customer: str
    sku: str
    quantity: int
    price: int

    def __post_init__(self) -> None:
        if not is_transaction_name(self.tx):
            raise ValueError("tx must be 1 to 36 letters, digits, dots, dashes or underscores")
        if self.quantity < 1 or self.price < 1:
            raise ValueError("quantity and price must be at least 1")

    @property
    def charged(self) -> int:
        """What the customer pays for one piece, in cents."""
        return self.price


AnOrder = TypeVar("AnOrder", bound=Order)


def orders(url: str) -> PostgresResource[Order]:
    """Return the database of orders."""
    return PostgresResource("orders", url, place, marker=PLACED)


def queue(url: str) -> PostgresResource[AnOrder]:
    """Return the queue: a table of messages, as a resource manager that votes like the others."""
    return PostgresResource("queue", url, publish, marker="queue_effects")


def payments(url: str) -> MariaDbResource[Order]:
    """Return the customers' accounts."""
    return MariaDbResource("payments", url, pay, marker=PAID)


def inventory(url: str) -> PostgresResource[AnOrder]:
    """Return the stock. That there is enough is a deferred constraint: it is voted on, at PREPARE."""
    return PostgresResource("inventory", url, reserve, marker=RESERVED)


async def place(connection: Connection, order: Order) -> None:
    """Write the order, and the marker."""
    await connection.execute(
        """
        with placed as (
            insert into orders (tx, customer, sku, quantity, price)
            values (%(tx)s, %(customer)s, %(sku)s, %(quantity)s, %(price)s)
        )
        insert into order_effects (tx, step, effect, amount) values (%(tx)s, 'place', 'applied', 1)
        """,
        msgspec.structs.asdict(order) | {"price": order.charged},
    )


async def publish(connection: Connection, order: Order) -> None:
    """Write its message."""
    await connection.execute(
        """
        with queued as (
            insert into messages (tx, topic, body) values (%(tx)s, 'orders', %(body)s::jsonb)
        )
        insert into queue_effects (tx, step, effect, amount) values (%(tx)s, 'publish', 'applied', 1)
        """,
        {"tx": order.tx, "body": msgspec.json.encode(order).decode()},
    )


async def reserve(connection: Connection, order: Order) -> None:
    """Take its pieces from the stock.

    Raises:
        RefusedError: there is no such product.
    """
    cursor = await connection.execute(
        """
        with taken as (
            update stock set available = available - %(quantity)s, reserved = reserved + %(quantity)s
            where sku = %(sku)s
            returning sku
        ), kept as (
            insert into reservations (tx, sku, quantity) select %(tx)s, sku, %(quantity)s from taken
        )
        insert into inventory_effects (tx, step, effect, amount)
        select %(tx)s, 'reserve', 'applied', %(quantity)s from taken
        """,
        msgspec.structs.asdict(order),
    )
    if cursor.rowcount != 1:
        raise RefusedError(f"inventory: no product {order.sku}")


def pay(session: MariaDbSession, order: Order) -> None:
    """Take the money, and write the marker.

    Raises:
        RefusedError: there is not enough.
    """
    values = {
        "tx": order.tx,
        "customer": order.customer,
        "amount": order.price * order.quantity,
    }
    taken = session.execute(
        "update accounts set balance = balance - %(amount)s, captured = captured + %(amount)s"
        " where customer = %(customer)s and balance >= %(amount)s",
        values,
    )
    if taken != 1:
        raise RefusedError(f"payments: {order.customer} has not enough money")
    session.execute(
        "insert into payments (tx, customer, amount) values (%(tx)s, %(customer)s, %(amount)s)",
        values,
    )
    session.execute(
        "insert into payment_effects (tx, step, effect, amount)"
        " values (%(tx)s, 'capture', 'applied', %(amount)s)",
        values,
    )
