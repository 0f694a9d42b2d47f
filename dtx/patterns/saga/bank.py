"""A bank: takes money from accounts (`withdraw`), puts it back (`return`), brings money in (`deposit`).

A deposit is never taken back: the payee may have spent it. Whoever asks for one asks until it is answered.
"""

import os

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dtx.patterns.common.barrier import Answer, Barrier
from dtx.patterns.common.database import Connection, Database
from dtx.patterns.common.narration import tell
from dtx.patterns.common.service import answer_response, body_of, json_response, serve


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """Take `amount` cents from `account`, or bring them there, for `tx`."""

    tx: str
    account: str
    amount: int


class Return(msgspec.Struct, frozen=True, kw_only=True):
    """Put back what was withdrawn for `tx`, if it was; else see to it that it never is."""

    tx: str


class Bank:
    """The participant. Each method is one local transaction behind the barrier."""

    def __init__(self, barrier: Barrier) -> None:
        self._barrier = barrier

    async def withdraw(self, order: Movement) -> Answer:
        """Take the money: DONE, REFUSED when there is not enough, BARRED after a return.

        Raises:
            psycopg.Error: the outcome is unknown.
        """
        return await self._move(order, "withdraw", -order.amount)

    async def deposit(self, order: Movement) -> Answer:
        """Bring the money in: DONE, or REFUSED when the account is closed or there is none.

        Raises:
            psycopg.Error: the outcome is unknown.
        """
        return await self._move(order, "deposit", order.amount)

    async def put_back(self, order: Return) -> Answer:
        """Return what was withdrawn: UNDONE, or EMPTY when nothing was.

        Raises:
            psycopg.Error: the outcome is unknown.
        """

        async def put_back(connection: Connection) -> None:
            await _put_back(connection, order.tx)

        return await self._barrier.compensate(order.tx, "withdraw", "return", put_back)

    async def _move(self, order: Movement, step: str, change: int) -> Answer:
        async def move(connection: Connection) -> Answer:
            parameters = {"tx": order.tx, "account": order.account, "step": step, "change": change}
            cursor = await connection.execute(_MOVE, parameters)
            return Answer.DONE if cursor.rowcount == 1 else Answer.REFUSED

        return await self._barrier.act(order.tx, step, move)


# One statement each: the money moves, and what says so is written, or nothing is.

_MOVE = """
    with moved as (
        update accounts set balance = balance + %(change)s
        where account = %(account)s and balance + %(change)s >= 0 and not (is_closed and %(change)s > 0)
        returning account
    ), noted as (
        insert into movements (tx, account, change, status)
        select %(tx)s, account, %(change)s, 'STANDS' from moved
    )
    insert into bank_effects (tx, step, effect, amount)
    select %(tx)s, %(step)s, 'applied', %(change)s from moved
"""

# Added back, not set back to what it was: others may have used the account since.
_PUT_BACK = """
    with returned as (
        update movements set status = 'UNDONE' where tx = %(tx)s and status = 'STANDS'
        returning account, change
    ), put as (
        update accounts set balance = balance - r.change
        from returned r where accounts.account = r.account
    )
    insert into bank_effects (tx, step, effect, amount)
    select %(tx)s, 'withdraw', 'undone', change from returned
"""

# One statement, so one snapshot: what is in the balances is in the list, and nothing else.
_SNAPSHOT = """
    select
        (select json_object_agg(account, balance) from accounts),
        (select sum(balance)::bigint from accounts),
        (select coalesce(json_agg(tx), '[]') from movements where status = 'STANDS')
"""


async def _put_back(connection: Connection, tx: str) -> None:
    cursor = await connection.execute(_PUT_BACK, {"tx": tx})
    if cursor.rowcount != 1:
        raise LookupError(
            f"the barrier says that {tx} was withdrawn, but there is nothing to return"
        )


def routes(bank: Bank, database: Database) -> list[Route]:
    """Return the HTTP face of the participant, and `GET /snapshot`: what there is, and by which transactions."""

    async def withdraw(request: Request) -> Response:
        order = await body_of(request, Movement)
        answer = await bank.withdraw(order)
        tell(order.tx, f"{order.amount} withdrawn from {order.account}: {answer}")
        return answer_response(answer)

    async def deposit(request: Request) -> Response:
        order = await body_of(request, Movement)
        answer = await bank.deposit(order)
        tell(order.tx, f"{order.amount} deposited for {order.account}: {answer}")
        return answer_response(answer)

    async def put_back(request: Request) -> Response:
        order = await body_of(request, Return)
        answer = await bank.put_back(order)
        tell(order.tx, f"return: {answer}")
        return answer_response(answer)

    async def snapshot(request: Request) -> Response:
        del request
        [(balances, total, transactions)] = await database.fetch(_SNAPSHOT)
        body = {"balances": balances, "total": total, "transactions": transactions}
        return json_response(200, body)

    return [
        Route("/withdraw", withdraw, methods=["POST"]),
        Route("/return", put_back, methods=["POST"]),
        Route("/deposit", deposit, methods=["POST"]),
        Route("/snapshot", snapshot, methods=["GET"]),
    ]


def main() -> None:
    """Run the worker."""
    database = Database(os.environ["DATABASE_URL"])
    serve(database, routes(Bank(Barrier(database)), database))


if __name__ == "__main__":
    main()
