"""The customers worker: keeps credit limits, sets credit aside for orders (`reserve`) and frees it (`release`)."""

import os

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dtx.patterns.common.barrier import Answer, Barrier
from dtx.patterns.common.database import Connection, Database
from dtx.patterns.common.narration import tell
from dtx.patterns.common.service import answer_response, body_of, serve

STEP = "reserve"


class Reserve(msgspec.Struct, frozen=True, kw_only=True):
    """Set `amount` cents of `customer`'s credit aside for `tx`."""

    tx: str
    customer: str
    amount: int


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """Free what was set aside for `tx`, if it was; else see to it that it never is."""

    tx: str


class Customers:
    """The participant. Each method is one local transaction behind the barrier."""

    def __init__(self, barrier: Barrier) -> None:
        self._barrier = barrier

    async def reserve(self, order: Reserve) -> Answer:
        """Set credit aside: DONE, REFUSED when too little is left of the limit, BARRED after a release.

        Raises:
            psycopg.Error: the outcome is unknown.
        """

        async def set_aside(connection: Connection) -> Answer:
            cursor = await connection.execute(_SET_ASIDE, msgspec.structs.asdict(order))
            return Answer.DONE if cursor.rowcount == 1 else Answer.REFUSED

        return await self._barrier.act(order.tx, STEP, set_aside)

    async def release(self, order: Release) -> Answer:
        """Free the credit: UNDONE, or EMPTY when nothing was set aside.

        Raises:
            psycopg.Error: the outcome is unknown.
        """

        async def free(connection: Connection) -> None:
            await _free(connection, order.tx)

        return await self._barrier.compensate(order.tx, STEP, "release", free)


# One statement each: the credit moves, and what says so is written, or nothing is.

_SET_ASIDE = """
    with taken as (
        update customers set reserved = reserved + %(amount)s
        where customer = %(customer)s and reserved + %(amount)s <= credit_limit
        returning customer
    ), kept as (
        insert into reservations (tx, customer, amount, status)
        select %(tx)s, customer, %(amount)s, 'RESERVED' from taken
    )
    insert into customer_effects (tx, step, effect, amount)
    select %(tx)s, 'reserve', 'applied', %(amount)s from taken
"""

_FREE = """
    with released as (
        update reservations set status = 'RELEASED' where tx = %(tx)s and status = 'RESERVED'
        returning customer, amount
    ), freed as (
        update customers set reserved = reserved - r.amount
        from released r where customers.customer = r.customer
    )
    insert into customer_effects (tx, step, effect, amount)
    select %(tx)s, 'reserve', 'undone', amount from released
"""


async def _free(connection: Connection, tx: str) -> None:
    cursor = await connection.execute(_FREE, {"tx": tx})
    if cursor.rowcount != 1:
        raise LookupError(
            f"the barrier says that {tx} was reserved, but there is nothing to release"
        )


def routes(customers: Customers) -> list[Route]:
    """Return the HTTP face of the participant."""

    async def reserve(request: Request) -> Response:
        order = await body_of(request, Reserve)
        answer = await customers.reserve(order)
        tell(order.tx, f"{order.amount} of {order.customer}'s credit reserved: {answer}")
        return answer_response(answer)

    async def release(request: Request) -> Response:
        order = await body_of(request, Release)
        answer = await customers.release(order)
        tell(order.tx, f"release: {answer}")
        return answer_response(answer)

    return [
        Route("/reserve", reserve, methods=["POST"]),
        Route("/release", release, methods=["POST"]),
    ]


def main() -> None:
    """Run the worker."""
    database = Database(os.environ["DATABASE_URL"])
    serve(database, routes(Customers(Barrier(database))))


if __name__ == "__main__":
    main()
