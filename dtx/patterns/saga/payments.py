"""The payments worker: takes money from customers' accounts (`debit`) and gives it back (`refund`)."""

import os
from typing import Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dtx.patterns.common.barrier import Answer, Barrier
from dtx.patterns.common.database import Connection, Database
from dtx.patterns.common.narration import tell
from dtx.patterns.common.service import answer_response, body_of, serve

STEP = "debit"


class Debit(msgspec.Struct, frozen=True, kw_only=True):
    """Take `amount` cents from `customer` for `tx`."""

    tx: str
    customer: str
    amount: int


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """Give back what was taken for `tx`, if it was; else see to it that it never is."""

    tx: str


class Paying(Protocol):
    """The participant, whatever its database. Where the outcome is unknown it raises an error of that one's."""

    async def debit(self, order: Debit) -> Answer:
        """Take the money: DONE, REFUSED when there is not enough, BARRED after a refund."""

    async def refund(self, order: Refund) -> Answer:
        """Give the money back: UNDONE, or EMPTY when nothing was taken."""


class Payments:
    """The participant. Each method is one local transaction behind the barrier."""

    def __init__(self, barrier: Barrier) -> None:
        self._barrier = barrier

    async def debit(self, order: Debit) -> Answer:
        """Take the money: DONE, REFUSED when there is not enough, BARRED after a refund.

        Raises:
            psycopg.Error: the outcome is unknown.
        """

        async def capture(connection: Connection) -> Answer:
            return await self.capture(connection, order)

        return await self._barrier.act(order.tx, STEP, capture)

    async def refund(self, order: Refund) -> Answer:
        """Give the money back: UNDONE, or EMPTY when nothing was taken.

        Raises:
            psycopg.Error: the outcome is unknown.
        """

        async def give_back(connection: Connection) -> None:
            await self.give_back(connection, order.tx)

        return await self._barrier.compensate(order.tx, STEP, "refund", give_back)

    async def capture(self, connection: Connection, order: Debit) -> Answer:
        """Take the money, inside the local transaction of the barrier's key."""
        cursor = await connection.execute(_CAPTURE, msgspec.structs.asdict(order))
        return Answer.DONE if cursor.rowcount == 1 else Answer.REFUSED

    async def give_back(self, connection: Connection, tx: str) -> None:
        """Give back what was taken, inside the local transaction of the barrier's key."""
        cursor = await connection.execute(_GIVE_BACK, {"tx": tx})
        if cursor.rowcount != 1:
            raise LookupError(
                f"the barrier says that {tx} was debited, but there is nothing to refund"
            )


# One statement each: the money moves, and what says so is written, or nothing is.

_CAPTURE = """
    with taken as (
        update accounts set balance = balance - %(amount)s, captured = captured + %(amount)s
        where customer = %(customer)s and balance >= %(amount)s
        returning customer
    ), paid as (
        insert into payments (tx, customer, amount, status)
        select %(tx)s, customer, %(amount)s, 'CAPTURED' from taken
    )
    insert into payment_effects (tx, step, effect, amount)
    select %(tx)s, 'debit', 'applied', %(amount)s from taken
"""

# Added back, not set back to what it was: others may have used the account since.
_GIVE_BACK = """
    with refunded as (
        update payments set status = 'REFUNDED' where tx = %(tx)s and status = 'CAPTURED'
        returning customer, amount
    ), given as (
        update accounts set balance = balance + r.amount, captured = captured - r.amount
        from refunded r where accounts.customer = r.customer
    )
    insert into payment_effects (tx, step, effect, amount)
    select %(tx)s, 'debit', 'undone', amount from refunded
"""


def routes(payments: Paying) -> list[Route]:
    """Return the HTTP face of the participant."""

    async def debit(request: Request) -> Response:
        order = await body_of(request, Debit)
        answer = await payments.debit(order)
        tell(order.tx, f"debit of {order.amount} from {order.customer}: {answer}")
        return answer_response(answer)

    async def refund(request: Request) -> Response:
        order = await body_of(request, Refund)
        answer = await payments.refund(order)
        tell(order.tx, f"refund: {answer}")
        return answer_response(answer)

    return [
        Route("/debit", debit, methods=["POST"]),
        Route("/refund", refund, methods=["POST"]),
    ]


def main() -> None:
    """Run the worker."""
    database = Database(os.environ["DATABASE_URL"])
    serve(database, routes(Payments(Barrier(database))))


if __name__ == "__main__":
    main()
