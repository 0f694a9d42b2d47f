"""What clients of a coordinator see over HTTP: they place, and ask what became of it."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dtx.patterns.common.database import Database
from dtx.patterns.common.service import body_of, json_response
from dtx.patterns.saga.coordinator import ANSWER_WITHIN_S, Coordinator
from dtx.patterns.saga.definition import D, SagaDefinition


def routes(
    definition: SagaDefinition[D],
    coordinator: Coordinator[D],
    database: Database,
    *,
    answer_within_s: float = ANSWER_WITHIN_S,
) -> list[Route]:
    """Return `POST /TABLE` and `GET /transactions/TX`, which answers from committed state alone."""
    answers = {definition.confirmed: 201, definition.rejected: 409}
    query = f"""
        select o.status, s.state, s.stuck_since is not null, l.entry
        from {definition.table} o
        left join sagas s using (tx)
        left join saga_log l on l.tx = s.tx and l.seq = s.entries
        where o.tx = %(tx)s
    """

    async def place(request: Request) -> Response:
        data = await body_of(request, definition.data)
        saga = await coordinator.place(data, answer_within_s=answer_within_s)
        status = saga.state if definition.is_over(saga.state) else "PENDING"
        return json_response(answers.get(saga.state, 202), {"tx": saga.tx, "status": status})

    async def transaction(request: Request) -> Response:
        tx = request.path_params["tx"]
        rows = await database.fetch(query, {"tx": tx})
        if not rows:
            return json_response(404, {"tx": tx, "status": "UNKNOWN"})
        return json_response(200, {"tx": tx, **_described(rows[0])})

    return [
        Route(f"/{definition.table}", place, methods=["POST"]),
        Route("/transactions/{tx}", transaction, methods=["GET"]),
    ]


def _described(row: tuple[Any, ...]) -> dict[str, Any]:
    status, state, is_stuck, last_entry = row
    return {"status": status, "state": state, "is_stuck": is_stuck, "last_entry": last_entry}
