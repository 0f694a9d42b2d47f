"""A participant: reserves (`try`), makes the reservation what it was for (`confirm`), or frees it (`cancel`).

Each is one local transaction behind the barrier, so that repeats are harmless, a cancel that comes before its try bars
it, and of a try and its cancel that come at once one is first. What to reserve and how, a `Resource` says.
"""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, LiteralString, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dtx.patterns.common.barrier import Answer, Barrier
from dtx.patterns.common.database import Connection, Database
from dtx.patterns.common.narration import tell
from dtx.patterns.common.remote import Remote
from dtx.patterns.common.service import answer_response, body_of, serve
from dtx.patterns.tcc.definition import About
from dtx.patterns.tcc.expiry import Expiry, Inquirer

EXPIRES_AFTER_S = 4.0
"""A reservation lasts so long. More than the coordinator's time to decide (`tcc_log.py`), with a margin for the clocks of
two servers: only what nobody will confirm any more should expire. If the margin is too small, nothing breaks; there are
needless inquiries."""


_EXPIRED: LiteralString = """
    select tx from reservations where status = 'TRIED' and expires_at < clock_timestamp()
    order by expires_at limit 100
"""

R = TypeVar("R", bound=About)


class NothingReservedError(Exception):
    """What is to be confirmed or cancelled is not reserved: no coordinator that keeps its log asks so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource(Generic[R]):
    """What is reserved, as statements; each does all or nothing, and counts 1 row if it did.

    Attributes:
        order: what a try is told; its fields are parameters of `reserve`.
        reserve: freezes, if there is enough, until `expires_after_s`; else counts 0.
        confirm: makes the reservation of `tx` what it was for.
        cancel: frees the reservation of `tx`.
        describe: says in words what is to be reserved.
        expired: the query for reservations whose time is over; of the table `reservations`, unless it says otherwise.
    """

    order: type[R]
    reserve: LiteralString
    confirm: LiteralString
    cancel: LiteralString
    describe: Callable[[R], str]
    expired: LiteralString = _EXPIRED


class Participant(Generic[R]):
    """Runs the three for one resource.

    Every method may raise psycopg.Error: the outcome is unknown then. Those that end a reservation may raise
    NothingReservedError, having done nothing.
    """

    def __init__(self, barrier: Barrier, resource: Resource[R]) -> None:
        self._barrier = barrier
        self.resource = resource

    async def attempt(self, order: R) -> Answer:
        """Reserve: DONE, REFUSED when there is not enough, BARRED after a cancel."""

        async def reserve(connection: Connection) -> Answer:
            return await self.reserve(connection, order)

        return await self._barrier.act(order.tx, "try", reserve)

    async def confirm(self, order: About) -> Answer:
        """Make the reservation what it was for: DONE. It can't be refused, since it was reserved."""

        async def capture(connection: Connection) -> Answer:
            return await self.capture(connection, order)

        return await self._barrier.act(order.tx, "confirm", capture)

    async def cancel(self, order: About) -> Answer:
        """Free what was reserved: UNDONE, or EMPTY when nothing was, and then nothing ever will be."""

        async def free(connection: Connection) -> None:
            await self.free(connection, order)

        return await self._barrier.compensate(order.tx, "try", "cancel", free)

    async def reserve(self, connection: Connection, order: R) -> Answer:
        """Reserve, inside the local transaction of the barrier's key."""
        parameters = msgspec.structs.asdict(order) | {"expires_after_s": EXPIRES_AFTER_S}
        cursor = await connection.execute(self.resource.reserve, parameters)
        return Answer.DONE if cursor.rowcount == 1 else Answer.REFUSED

    async def capture(self, connection: Connection, order: About) -> Answer:
        """Confirm, inside the local transaction of the barrier's key."""
        cursor = await connection.execute(self.resource.confirm, {"tx": order.tx})
        if cursor.rowcount != 1:
            raise NothingReservedError("to be confirmed, but nothing is reserved for it")
        return Answer.DONE

    async def free(self, connection: Connection, order: About) -> None:
        """Cancel, inside the local transaction of the barrier's key."""
        cursor = await connection.execute(self.resource.cancel, {"tx": order.tx})
        if cursor.rowcount != 1:
            raise NothingReservedError("to be cancelled, but what it had reserved is confirmed")


def routes(participant: Participant[R]) -> list[Route]:
    """Return the HTTP face of a participant."""

    async def attempt(request: Request) -> Response:
        order = await body_of(request, participant.resource.order)
        answer = await participant.attempt(order)
        tell(order.tx, f"try, {participant.resource.describe(order)}: {answer}")
        return answer_response(answer)

    async def confirm(request: Request) -> Response:
        return await end(request, "confirm", participant.confirm)

    async def cancel(request: Request) -> Response:
        return await end(request, "cancel", participant.cancel)

    async def end(request: Request, name: str, do: Callable[[R], Awaitable[Answer]]) -> Response:
        order = await body_of(request, participant.resource.order)
        try:
            answer = await do(order)
        except NothingReservedError as error:
            tell(order.tx, f"{name}: {error}")
            return answer_response(Answer.BARRED)
        tell(order.tx, f"{name}: {answer}")
        return answer_response(answer)

    return [
        Route("/try", attempt, methods=["POST"]),
        Route("/confirm", confirm, methods=["POST"]),
        Route("/cancel", cancel, methods=["POST"]),
    ]


def serve_participant(
    database: Database,
    participant: Participant[R],
    *more_routes: Route,
    drops_abandoned: bool = True,
) -> None:
    """Run the worker: the three, and beside them what ends reservations that have expired.

    `drops_abandoned`: as `serve` has it.
    """
    remote = Remote()
    inquirer = Inquirer(remote, os.environ["COORDINATOR_URL"])
    expiry = Expiry(database, participant.resource.expired, participant, inquirer)
    serve(
        database,
        [*more_routes, *routes(participant)],
        remote,
        expiry,
        drops_abandoned=drops_abandoned,
    )
