"""What customers ask a shop for, over the same four databases: an order, a gift, or that their address is changed.

They differ in who takes part. A gift costs nothing, so payments only reads whether there is such a customer. A change
of an address is written in the database of orders and nowhere else.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from dtx.patterns.common.database import Connection
from dtx.patterns.common.mariadb_sessions import MariaDbSession
from dtx.patterns.twophase import order
from dtx.patterns.twophase.mariadb import MariaDbResource
from dtx.patterns.twophase.order import Order
from dtx.patterns.twophase.postgres import PostgresResource
from dtx.patterns.twophase.resource import RefusedError, ResourceManager
from dtx.patterns.twophase.transaction_manager import TransactionManager


class Request(Order, frozen=True, kw_only=True):
    """An order, or something that has its fields; a gift's price is not asked for, an address has nothing to price."""

    kind: Literal["order", "gift", "address"]

    def __str__(self) -> str:
        if self.kind == "address":
            return f"change of {self.customer}'s address"
        return f"{self.kind} of {self.quantity} {self.sku} {'by' if self.kind == 'order' else 'for'} {self.customer}"

    @property
    def is_gift(self) -> bool:
        """Whether nobody pays for it."""
        return self.kind == "gift"

    @property
    def charged(self) -> int:
        """What the customer pays for one piece, in cents."""
        return 0 if self.is_gift else self.price


class ShopManager(TransactionManager[Request]):
    """Asks those to take part whom a request concerns."""

    def stages_of(self, work: Request) -> Sequence[Sequence[ResourceManager[Request]]]:
        """Return the database of orders alone for an address, else all in their order."""
        if work.kind == "address":
            return [[rm for rm in self.resources if rm in self._alone]]
        return self._stages


def orders(url: str) -> PostgresResource[Request]:
    """Return the database of orders and addresses, which decides alone about the latter."""
    return PostgresResource("orders", url, _place, marker=order.PLACED)


def payments(url: str) -> MariaDbResource[Request]:
    """Return the customers' accounts, of which a gift only reads."""
    return MariaDbResource(
        "payments", url, _pay, marker=order.PAID, only_reads=lambda request: request.is_gift
    )


async def _place(connection: Connection, request: Request) -> None:
    if request.kind == "address":
        await connection.execute(_CHANGE_ADDRESS, msgspec.structs.asdict(request))
        return
    await order.place(connection, request)


def _pay(session: MariaDbSession, request: Request) -> None:
    if not request.is_gift:
        order.pay(session, request)
    elif not session.fetch(_IS_CUSTOMER, {"customer": request.customer}):
        raise RefusedError(
            f"payments: gifts are for customers who had money once: {request.customer}"
        )


_CHANGE_ADDRESS = """
    with changed as (
        insert into address_changes (tx, customer, address)
        values (%(tx)s, %(customer)s, 'the ' || %(sku)s || ' house')
    )
    insert into order_effects (tx, step, effect, amount) values (%(tx)s, 'change address', 'applied', 1)
"""

_IS_CUSTOMER = "select 1 from accounts where customer = %(customer)s and initial > 0"
