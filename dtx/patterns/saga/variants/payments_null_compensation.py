"""Broken: a refund gives back what was never taken (S1: null compensation is not handled)."""

import os

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dtx.patterns.common.barrier import Answer, Barrier, CompensationEffect
from dtx.patterns.common.database import Connection, Database
from dtx.patterns.common.narration import tell
from dtx.patterns.common.service import answer_response, body_of, serve
from dtx.patterns.saga.payments import STEP, Debit, Payments, routes

_GIVE = """
    with refunded as (
        update payments set status = 'REFUNDED' where tx = %(tx)s
    ), given as (
        update accounts set balance = balance + %(amount)s, captured = captured - %(amount)s
        where customer = %(customer)s
    )
    insert into payment_effects (tx, step, effect, amount) values (%(tx)s, 'debit', 'undone', %(amount)s)
"""


class TrustingBarrier(Barrier):
    """Takes whoever asks for a compensation at their word: there must have been an action."""

    async def never_came(
        self, connection: Connection, tx: str, step: str, effect: CompensationEffect
    ) -> Answer:
        """Compensate what has not come, and bar it all the same."""
        await super().never_came(connection, tx, step, effect)
        tell(tx, f"{step} has never come; it is compensated all the same")
        await effect(connection)
        return Answer.UNDONE


def trusting_routes(barrier: TrustingBarrier) -> list[Route]:
    """Return the face of payments, with a refund that gives the amount it is told."""

    async def refund(request: Request) -> Response:
        order = await body_of(request, Debit)

        async def give(connection: Connection) -> None:
            await connection.execute(_GIVE, msgspec.structs.asdict(order))

        answer = await barrier.compensate(order.tx, STEP, "refund", give)
        tell(order.tx, f"refund of {order.amount} to {order.customer}: {answer}")
        return answer_response(answer)

    # The first route that fits is taken.
    return [Route("/refund", refund, methods=["POST"]), *routes(Payments(barrier))]


def main() -> None:
    """Run the worker."""
    database = Database(os.environ["DATABASE_URL"])
    serve(database, trusting_routes(TrustingBarrier(database)))


if __name__ == "__main__":
    main()
