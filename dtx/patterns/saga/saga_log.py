"""Where each saga stands, in the orders database: the only thing that recovery knows, and all that it needs."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import msgspec

from dtx.patterns.common.crash_points import crash_point
from dtx.patterns.common.database import Database
from dtx.patterns.common.narration import tell


class State(StrEnum):
    """Each state names the last thing that is known; what is done next follows from it alone."""

    STARTED = "STARTED"
    """The order stands. Next: debit."""
    DEBITED = "DEBITED"
    """The money is taken. Next: reserve, the pivot."""
    RESERVED = "RESERVED"
    """Past the pivot: nothing can refuse any more. Next: confirm."""
    CONFIRMED = "CONFIRMED"
    """The end, for better."""
    RELEASING = "RELEASING"
    """Nobody knows whether the stock was reserved. Next: release, until it is answered."""
    REFUNDING = "REFUNDING"
    """There is no reservation, but there may be a debit. Next: refund, until it is answered."""
    REJECTED = "REJECTED"
    """The end, for worse: nothing is left of it."""


ENDS = frozenset({State.CONFIRMED, State.REJECTED})


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asks for; `price` is in cents for one piece."""

    tx: str
    customer: str
    sku: str
    quantity: int
    price: int

    def __post_init__(self) -> None:
        if not self.tx or self.quantity < 1 or self.price < 1:
            raise ValueError("tx must not be empty, quantity and price must be at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Saga:
    """An order and the state that was committed for it."""

    order: Order
    state: State

    @property
    def tx(self) -> str:
        """The transaction's id."""
        return self.order.tx

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.state in ENDS


_START = """
    with placed as (
        insert into orders (tx, customer, sku, quantity, price)
        values (%(tx)s, %(customer)s, %(sku)s, %(quantity)s, %(price)s)
        on conflict do nothing
        returning tx
    ), started as (
        insert into sagas (tx, state) select tx, 'STARTED' from placed returning tx
    )
    insert into saga_log (tx, seq, entry) select tx, 1, 'STARTED' from started
"""

# The compare-and-set: of several who believe that the saga is in `old`, one moves it. All that becomes true
# with the new state is in the same statement, and happens only if the move does.
_MOVED = """
    with moved as (
        update sagas set state = %(new)s, entries = entries + 1, stuck_since = null
        where tx = %(tx)s and state = %(old)s
        returning tx, entries
    ), logged as (
        insert into saga_log (tx, seq, entry) select tx, entries, %(entry)s from moved
    )
"""
_MOVE = _MOVED + "select tx from moved"
_REJECT = _MOVED + "update orders set status = 'REJECTED' from moved where orders.tx = moved.tx"
_CONFIRM = (
    _MOVED
    + """, confirmed as (
        update orders set status = 'CONFIRMED' from moved where orders.tx = moved.tx
    )
    insert into order_effects (tx, step, effect, amount) select tx, 'confirm', 'applied', 1 from moved
"""
)

_SAGAS = "select o.tx, o.customer, o.sku, o.quantity, o.price, s.state from sagas s join orders o using (tx)"
_SAGA = _SAGAS + " where tx = %(tx)s"
_UNFINISHED = _SAGAS + " where s.state not in ('CONFIRMED', 'REJECTED')"


class SagaLog:
    """The table of sagas with their log. Everything here is committed when its call returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def start(self, order: Order) -> bool:
        """Place the order as PENDING and start its saga; return False if `tx` is there already.

        Raises:
            psycopg.Error: unknown whether it was started; if so, `unfinished` has it.
        """
        crash_point("before-log-started", order.tx)
        is_new = await self._database.execute(_START, msgspec.structs.asdict(order)) == 1
        crash_point("after-log-started", order.tx)
        return is_new

    async def move(self, saga: Saga, new: State, why: str) -> Saga | None:
        """Take the saga from its state to `new`; None if it is not in its state (any more).

        Raises:
            psycopg.Error: unknown whether it was moved; `load` tells.
        """
        crash_point(f"before-log-{new.lower()}", saga.tx)
        match new:
            case State.CONFIRMED:
                statement = _CONFIRM
            case State.REJECTED:
                statement = _REJECT
            case _:
                statement = _MOVE
        parameters = {"tx": saga.tx, "old": saga.state, "new": new, "entry": f"{new}: {why}"}
        if await self._database.execute(statement, parameters) == 0:
            return None
        crash_point(f"after-log-{new.lower()}", saga.tx)
        tell(saga.tx, f"saga is {new}: {why}")
        return replace(saga, state=new)

    async def load(self, tx: str) -> Saga | None:
        """Return the saga as it was committed last; None if there is none.

        Raises:
            psycopg.Error: the database can't be used.
        """
        rows = await self._database.fetch(_SAGA, {"tx": tx})
        return _saga(rows[0]) if rows else None

    async def unfinished(self) -> list[Saga]:
        """Return all sagas that have not ended.

        Raises:
            psycopg.Error: the database can't be used.
        """
        return [_saga(row) for row in await self._database.fetch(_UNFINISHED)]

    async def mark_stuck(self, saga: Saga) -> None:
        """Put the saga in front of an operator, until it moves again.

        Raises:
            psycopg.Error: the database can't be used.
        """
        await self._database.execute(
            "update sagas set stuck_since = coalesce(stuck_since, clock_timestamp())"
            " where tx = %(tx)s and state = %(state)s",
            {"tx": saga.tx, "state": saga.state},
        )


def _saga(row: tuple[Any, ...]) -> Saga:
    tx, customer, sku, quantity, price, state = row
    order = Order(tx=tx, customer=customer, sku=sku, quantity=quantity, price=price)
    return Saga(order=order, state=State(state))
