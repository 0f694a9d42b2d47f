"""A bank: freezes what is to leave an account and notes what is to come, then moves both or forgets both."""

import os

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dtx.patterns.common.barrier import Barrier
from dtx.patterns.common.database import Database
from dtx.patterns.common.service import json_response
from dtx.patterns.tcc.definition import About
from dtx.patterns.tcc.participant import Participant, Resource, serve_participant


class Movement(About, frozen=True, kw_only=True):
    """Change `account` by `change` cents; less than 0 where money leaves."""

    account: str
    change: int


# One statement each: the money moves, and what says so is written, or nothing is. What leaves is frozen, so that nobody
# else spends it; what comes is not there before it is confirmed.

_RESERVE = """
    with ready as (
        update accounts
        set balance = balance + least(%(change)s, 0), frozen = frozen - least(%(change)s, 0)
        where account = %(account)s and balance + least(%(change)s, 0) >= 0
            and not (is_closed and %(change)s > 0)
        returning account
    )
    insert into reservations (tx, account, change, status, expires_at)
    select
        %(tx)s, account, %(change)s, 'TRIED',
        clock_timestamp() + %(expires_after_s)s * interval '1 second'
    from ready
"""

_CONFIRM = """
    with confirmed as (
        update reservations set status = 'CONFIRMED' where tx = %(tx)s and status = 'TRIED'
        returning account, change
    ), moved as (
        update accounts
        set balance = balance + greatest(c.change, 0), frozen = frozen + least(c.change, 0)
        from confirmed c where accounts.account = c.account
    )
    insert into bank_effects (tx, step, effect, amount)
    select %(tx)s, 'confirm', 'applied', change from confirmed
"""

_CANCEL = """
    with cancelled as (
        update reservations set status = 'CANCELLED' where tx = %(tx)s and status = 'TRIED'
        returning account, change
    )
    update accounts set balance = balance - least(c.change, 0), frozen = frozen + least(c.change, 0)
    from cancelled c where accounts.account = c.account
"""

# One statement, so one snapshot: what is in the balances is in the list, and nothing else.
_SNAPSHOT = """
    select
        (select sum(balance + frozen)::bigint from accounts),
        (select coalesce(json_agg(tx), '[]') from reservations where status = 'CONFIRMED')
"""

BANK = Resource(
    order=Movement,
    reserve=_RESERVE,
    confirm=_CONFIRM,
    cancel=_CANCEL,
    describe=lambda order: f"{order.change} for {order.account}",
)


def snapshot_route(database: Database) -> Route:
    """Return `GET /snapshot`: all money of the bank, and the transactions that are in it."""

    async def snapshot(request: Request) -> Response:
        del request
        [(total, transactions)] = await database.fetch(_SNAPSHOT)
        return json_response(200, {"total": total, "transactions": transactions})

    return Route("/snapshot", snapshot, methods=["GET"])


def main() -> None:
    """Run the worker."""
    database = Database(os.environ["DATABASE_URL"])
    serve_participant(database, Participant(Barrier(database), BANK), snapshot_route(database))


if __name__ == "__main__":
    main()
