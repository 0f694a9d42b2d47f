"""What clients see over HTTP: they ask for a transaction, and what became of it."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dtx.patterns.common.narration import tell
from dtx.patterns.common.service import body_of, json_response
from dtx.patterns.twophase.identity import is_transaction_name
from dtx.patterns.twophase.lease import NotLeadingError
from dtx.patterns.twophase.resource import Decision, ResourceError
from dtx.patterns.twophase.transaction_manager import TransactionManager

_WORDS = {Decision.COMMIT: "CONFIRMED", Decision.ABORT: "REJECTED"}
_STATUS = {Decision.COMMIT: 201, Decision.ABORT: 409}


class Work(Protocol):
    """What a client asks for, as the transaction that it names."""

    @property
    def tx(self) -> str:
        """The transaction, as the client calls it."""


W = TypeVar("W", bound=Work)


def routes(
    manager: TransactionManager[W], path: str, kind: type[W], words: Callable[[W], str]
) -> list[Route]:
    """Return `POST path` for works of a kind, and `GET /transactions/TX`, which answers from the decision log.

    A manager that does not lead answers 503, except with what is decided already.
    """

    async def place(request: Request) -> Response:
        work = await body_of(request, kind)
        tell(work.tx, words(work))
        try:
            decision = await manager.place(work.tx, work)
        except NotLeadingError as error:
            tell(work.tx, f"answered 503: {error}")
            return _not_leading(error)
        if decision is None:
            return json_response(202, {"tx": work.tx, "status": "PENDING"})
        return json_response(_STATUS[decision], {"tx": work.tx, "status": _WORDS[decision]})

    async def transaction(request: Request) -> Response:
        tx = request.path_params["tx"]
        if not is_transaction_name(tx):
            return json_response(404, {"tx": tx, "status": "UNKNOWN"})
        try:
            decision = await manager.inquire(tx)
        except NotLeadingError as error:
            return _not_leading(error)
        except ResourceError as error:
            return json_response(503, {"error": f"not known now: {error}"})
        return json_response(200, {"tx": tx, "status": _WORDS[decision] if decision else "PENDING"})

    return [
        Route(path, place, methods=["POST"]),
        Route("/transactions/{tx}", transaction, methods=["GET"]),
    ]


def _not_leading(error: NotLeadingError) -> Response:
    return json_response(503, {"error": f"not the leader: {error}"})
