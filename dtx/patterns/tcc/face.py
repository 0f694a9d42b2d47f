"""What others see of a coordinator over HTTP: clients place and ask, participants ask what was decided."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dtx.patterns.common.service import body_of, json_response
from dtx.patterns.tcc.coordinator import Coordinator
from dtx.patterns.tcc.definition import About, D, TccDefinition
from dtx.patterns.tcc.tcc_log import State, TccLog

_STATUS = {
    State.TRYING: (202, "PENDING"),
    # Decided is as good as done: nothing can take it back.
    State.CONFIRMING: (201, "CONFIRMED"),
    State.CONFIRMED: (201, "CONFIRMED"),
    State.CANCELLING: (409, "REJECTED"),
    State.CANCELLED: (409, "REJECTED"),
}


def routes(definition: TccDefinition[D], coordinator: Coordinator, log: TccLog) -> list[Route]:
    """Return `POST /PATH` and `GET /transactions/TX` for clients, `POST /inquiries` for participants."""

    async def place(request: Request) -> Response:
        data = await body_of(request, definition.data)
        what = definition.describe(data)
        tcc = await coordinator.place(data.tx, definition.branches(data), what)
        code, status = _STATUS[tcc.state]
        return json_response(code, {"tx": tcc.tx, "status": status})

    async def transaction(request: Request) -> Response:
        tx = request.path_params["tx"]
        tcc = await log.load(tx)
        if tcc is None:
            return json_response(404, {"tx": tx, "status": "UNKNOWN"})
        return json_response(200, {"tx": tx, "status": _STATUS[tcc.state][1], "state": tcc.state})

    async def inquiry(request: Request) -> Response:
        asked = await body_of(request, About)
        outcome = await coordinator.outcome(asked.tx)
        return json_response(200, {"outcome": outcome})

    return [
        Route(f"/{definition.path}", place, methods=["POST"]),
        Route("/transactions/{tx}", transaction, methods=["GET"]),
        Route("/inquiries", inquiry, methods=["POST"]),
    ]
