"""What clients see over HTTP: they place an order, and ask what became of it."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dtx.patterns.common.narration import tell
from dtx.patterns.common.service import body_of, json_response
from dtx.patterns.twophase.identity import is_transaction_name
from dtx.patterns.twophase.order import Order
from dtx.patterns.twophase.resource import Decision
from dtx.patterns.twophase.transaction_manager import TransactionManager

_WORDS = {Decision.COMMIT: "CONFIRMED", Decision.ABORT: "REJECTED"}
_STATUS = {Decision.COMMIT: 201, Decision.ABORT: 409}


def routes(manager: TransactionManager[Order]) -> list[Route]:
    """Return `POST /orders` and `GET /transactions/TX`, which answers from the decision log."""

    async def place(request: Request) -> Response:
        order = await body_of(request, Order)
        tell(order.tx, f"order of {order.quantity} {order.sku} by {order.customer}")
        decision = await manager.place(order.tx, order)
        if decision is None:
            return json_response(202, {"tx": order.tx, "status": "PENDING"})
        return json_response(_STATUS[decision], {"tx": order.tx, "status": _WORDS[decision]})

    async def transaction(request: Request) -> Response:
        tx = request.path_params["tx"]
        if not is_transaction_name(tx):
            return json_response(404, {"tx": tx, "status": "UNKNOWN"})
        decision = await manager.inquire(tx)
        return json_response(200, {"tx": tx, "status": _WORDS[decision] if decision else "PENDING"})

    return [
        Route("/orders", place, methods=["POST"]),
        Route("/transactions/{tx}", transaction, methods=["GET"]),
    ]
