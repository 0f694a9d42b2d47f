"""The inventory worker: sets stock aside for orders (`reserve`) and puts it back (`release`)."""

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
    """Set `quantity` pieces of `sku` aside for `tx`."""

    tx: str
    sku: str
    quantity: int


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """Put back what was set aside for `tx`, if it was; else see to it that it never is."""

    tx: str


class Inventory:
    """The participant. Each method is one local transaction behind the barrier."""

    def __init__(self, barrier: Barrier) -> None:
        self._barrier = barrier

    async def reserve(self, order: Reserve) -> Answer:
        """Set the stock aside: DONE, REFUSED when there is not enough, BARRED after a release.

        Raises:
            psycopg.Error: the outcome is unknown.
        """

        async def set_aside(connection: Connection) -> Answer:
            return await _set_aside(connection, order)

        return await self._barrier.act(order.tx, STEP, set_aside)

    async def release(self, order: Release) -> Answer:
        """Put the stock back: UNDONE, or EMPTY when nothing was set aside.

        Raises:
            psycopg.Error: the outcome is unknown.
        """

        async def put_back(connection: Connection) -> None:
            await _put_back(connection, order.tx)

        return await self._barrier.compensate(order.tx, STEP, "release", put_back)


# One statement each: the stock moves, and what says so is written, or nothing is.

_SET_ASIDE = """
    with taken as (
        update stock set available = available - %(quantity)s, reserved = reserved + %(quantity)s
        where sku = %(sku)s and available >= %(quantity)s
        returning sku
    ), kept as (
        insert into reservations (tx, sku, quantity, status)
        select %(tx)s, sku, %(quantity)s, 'RESERVED' from taken
    )
    insert into inventory_effects (tx, step, effect, amount)
    select %(tx)s, 'reserve', 'applied', %(quantity)s from taken
"""

# Added back, not set back to what it was: others may have taken from the stock since.
_PUT_BACK = """
    with released as (
        update reservations set status = 'RELEASED' where tx = %(tx)s and status = 'RESERVED'
        returning sku, quantity
    ), put as (
        update stock set available = available + r.quantity, reserved = reserved - r.quantity
        from released r where stock.sku = r.sku
    )
    insert into inventory_effects (tx, step, effect, amount)
    select %(tx)s, 'reserve', 'undone', quantity from released
"""


async def _set_aside(connection: Connection, order: Reserve) -> Answer:
    cursor = await connection.execute(_SET_ASIDE, msgspec.structs.asdict(order))
    return Answer.DONE if cursor.rowcount == 1 else Answer.REFUSED


async def _put_back(connection: Connection, tx: str) -> None:
    cursor = await connection.execute(_PUT_BACK, {"tx": tx})
    if cursor.rowcount != 1:
        raise LookupError(
            f"the barrier says that {tx} was reserved, but there is nothing to release"
        )


def routes(inventory: Inventory) -> list[Route]:
    """Return the HTTP face of the participant."""

    async def reserve(request: Request) -> Response:
        order = await body_of(request, Reserve)
        answer = await inventory.reserve(order)
        tell(order.tx, f"reservation of {order.quantity} {order.sku}: {answer}")
        return answer_response(answer)

    async def release(request: Request) -> Response:
        order = await body_of(request, Release)
        answer = await inventory.release(order)
        tell(order.tx, f"release: {answer}")
        return answer_response(answer)

    return [
        Route("/reserve", reserve, methods=["POST"]),
        Route("/release", release, methods=["POST"]),
    ]


def main() -> None:
    """Run the worker."""
    database = Database(os.environ["DATABASE_URL"])
    serve(database, routes(Inventory(Barrier(database))))


if __name__ == "__main__":
    main()
