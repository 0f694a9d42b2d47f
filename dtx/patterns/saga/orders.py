"""The orders worker: takes orders from clients and coordinates the saga of each."""

import os
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dtx.patterns.common.database import Database
from dtx.patterns.common.remote import Remote
from dtx.patterns.common.service import body_of, json_response, serve
from dtx.patterns.saga.coordinator import Coordinator
from dtx.patterns.saga.participants import Participants
from dtx.patterns.saga.saga_log import Order, SagaLog, State

_TRANSACTION = """
    select o.status, s.state, s.stuck_since is not null, l.entry
    from orders o
    left join sagas s using (tx)
    left join saga_log l on l.tx = s.tx and l.seq = s.entries
    where o.tx = %(tx)s
"""


def routes(coordinator: Coordinator, database: Database) -> list[Route]:
    """Return the HTTP face of the worker."""

    async def place(request: Request) -> Response:
        order = await body_of(request, Order)
        saga = await coordinator.place(order)
        match saga.state:
            case State.CONFIRMED:
                return json_response(201, {"tx": saga.tx, "status": "CONFIRMED"})
            case State.REJECTED:
                return json_response(409, {"tx": saga.tx, "status": "REJECTED"})
            case _:
                return json_response(202, {"tx": saga.tx, "status": "PENDING"})

    async def transaction(request: Request) -> Response:
        tx = request.path_params["tx"]
        rows = await database.fetch(_TRANSACTION, {"tx": tx})
        if not rows:
            return json_response(404, {"tx": tx, "status": "UNKNOWN"})
        return json_response(200, {"tx": tx, **_described(rows[0])})

    return [
        Route("/orders", place, methods=["POST"]),
        Route("/transactions/{tx}", transaction, methods=["GET"]),
    ]


def _described(row: tuple[Any, ...]) -> dict[str, Any]:
    status, state, is_stuck, last_entry = row
    return {"status": status, "state": state, "is_stuck": is_stuck, "last_entry": last_entry}


def own_database() -> Database:
    """Return the orders database; most that wait for it are runners of sagas, which don't give up."""
    return Database(os.environ["DATABASE_URL"], waiting=400)


def participants(remote: Remote) -> Participants:
    """Return the participants at the addresses that the environment names."""
    return Participants(
        remote,
        payments_url=os.environ["PAYMENTS_URL"],
        inventory_url=os.environ["INVENTORY_URL"],
    )


def main() -> None:
    """Run the worker."""
    database = own_database()
    remote = Remote()
    coordinator = Coordinator(SagaLog(database), participants(remote))
    serve(database, routes(coordinator, database), remote, coordinator)


if __name__ == "__main__":
    main()
