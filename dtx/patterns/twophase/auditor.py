"""The worker `auditor`: says what there is at each bank, as a plain query sees it, beside the transfers.

It takes no part in any transaction. What it sees of one bank is one moment; two banks are two moments.
"""

import os

import msgspec
import pymysql
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dtx.patterns.common.database import Database
from dtx.patterns.common.mariadb_sessions import MariaDbSessions
from dtx.patterns.common.service import json_response, serve

# One statement, so one snapshot: what is in the balances is in the list, and nothing else.
_AT_A = """
    select
        (select sum(balance)::bigint from accounts),
        (select coalesce(json_agg(tx), '[]') from movements)
"""
_AT_B = """
    select
        (select cast(sum(balance) as signed) from accounts),
        (select coalesce(json_arrayagg(tx), '[]') from movements)
"""


def routes(bank_a: Database, bank_b: MariaDbSessions) -> list[Route]:
    """Return `GET /bank-a` and `GET /bank-b`: how much money there is, and by which transfers."""

    async def at_a(request: Request) -> Response:
        del request
        [(total, transactions)] = await bank_a.fetch(_AT_A)
        return json_response(200, {"total": total, "transactions": transactions})

    async def at_b(request: Request) -> Response:
        del request
        try:
            total, transactions = await _read(bank_b)
        except (pymysql.MySQLError, TimeoutError) as error:
            return json_response(503, {"error": f"{type(error).__name__}: {error}"})
        return json_response(200, {"total": total, "transactions": transactions})

    return [
        Route("/bank-a", at_a, methods=["GET"]),
        Route("/bank-b", at_b, methods=["GET"]),
    ]


async def _read(bank_b: MariaDbSessions) -> tuple[int, list[str]]:
    [(total, transactions)] = await bank_b.use(lambda session: session.fetch(_AT_B))
    return int(total), msgspec.json.decode(transactions, type=list[str])


def main() -> None:
    """Run the worker."""
    bank_a = Database(os.environ["BANK_A_URL"])
    bank_b = MariaDbSessions(os.environ["BANK_B_URL"], sessions=4, ready=1)
    serve(bank_a, routes(bank_a, bank_b), bank_b)


if __name__ == "__main__":
    main()
