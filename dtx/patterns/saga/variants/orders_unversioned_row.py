"""Broken: the handler of a reply reads the saga's row, changes it, and writes it back without a version.

Inventory replies by message, at least once; a reply is acknowledged when it is taken. When one comes again while it is
handled, both handlers find the saga where it was, and each moves it (S12).
"""

import asyncio

import psycopg
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dtx.patterns.common.asking import Asked, Asker
from dtx.patterns.common.asking import Request as Command
from dtx.patterns.common.barrier import Answer
from dtx.patterns.common.narration import tell
from dtx.patterns.common.recovery import Recovery
from dtx.patterns.common.remote import Remote
from dtx.patterns.common.service import answer_response, body_of, serve
from dtx.patterns.saga.coordinator import Coordinator, Logging
from dtx.patterns.saga.definition import State
from dtx.patterns.saga.face import routes
from dtx.patterns.saga.order_saga import DEBIT, ORDER_SAGA, RESERVE, Order
from dtx.patterns.saga.orders import own_database, participants
from dtx.patterns.saga.saga_log import Saga
from dtx.patterns.saga.variants.blind_log import blind_log
from dtx.patterns.saga.variants.reply_channel import Reply

REPLY_WITHIN_S = 10.0
"""No reply is lost but with the participant that owes it; then its command is sent again."""


class Commands:
    """Sends commands; each is answered when a reply to it has been handled."""

    def __init__(self, participants: Asked) -> None:
        self._participants = participants
        self._waiting: dict[tuple[str, str], asyncio.Future[Answer]] = {}

    async def ask(self, request: Command) -> Answer | None:
        """Send the command; None if no reply to it is handled in time."""
        handled: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[request.tx, request.name] = handled
        await self._participants.ask(request)
        try:
            return await asyncio.wait_for(handled, REPLY_WITHIN_S)
        except TimeoutError:
            return None

    def answered(self, reply: Reply) -> None:
        """Let whoever waits for this reply go on."""
        handled = self._waiting.pop((reply.tx, reply.to), None)
        if handled is not None and not handled.done():
            handled.set_result(reply.answer)


class ReplyDriven(Coordinator[Order]):
    """Debits as ever; what comes of a reservation is written when its reply comes."""

    def __init__(self, log: Logging[Order], asker: Asker, commands: Commands) -> None:
        super().__init__(ORDER_SAGA, log, asker)
        self._commands = commands
        self._moved: dict[str, Saga[Order]] = {}

    async def advance(self, saga: Saga[Order]) -> Saga[Order]:
        """Wait for the reply to a reservation, and go on from what that made of the saga."""
        if saga.state != DEBIT.done:
            return await super().advance(saga)
        await Asker(self._commands).until_answered(RESERVE.act(saga.data), self._stuck(saga))
        return self._moved.get(saga.tx) or await self._read(saga.tx)

    async def handle(self, reply: Reply) -> None:
        """Read the row, change it, write it back, however long that takes."""
        saga = await self._read(reply.tx)
        new = moved_by(reply, saga.state)
        if new is None:
            tell(saga.tx, f"reply to {reply.to} not waited for in state {saga.state}")
        else:
            moved = await self.move(saga, new, f"{reply.to} {reply.answer}, with the row as read")
            self._say_what_was_overwritten(saga, moved)
            self._moved[saga.tx] = moved
        self._commands.answered(reply)

    async def _read(self, tx: str) -> Saga[Order]:
        attempt = 1
        while True:
            try:
                return await self._committed(tx)
            except psycopg.Error as error:
                tell(tx, f"row not read, attempt {attempt}: {type(error).__name__}")
            await asyncio.sleep(self._backoff.pause_s(attempt))
            attempt += 1

    def _say_what_was_overwritten(self, read: Saga[Order], moved: Saga[Order]) -> None:
        """For whoever reads the story; a version in the row would have known it before."""
        before = self._moved.get(read.tx, read).state
        if before != read.state:
            tell(
                read.tx,
                f"{moved.state} overwrites {before}, which another reply wrote after {read.state} was read",
            )


def moved_by(reply: Reply, state: State) -> State | None:
    """Return the state after a reply; None if nothing that it answers is asked for in this state."""
    if state != DEBIT.done or reply.to != RESERVE.action:
        return None
    # Confirmed at once: nothing else is waited for.
    is_done = reply.answer is Answer.DONE
    return ORDER_SAGA.confirmed if is_done else ORDER_SAGA.after_action(RESERVE, reply.answer)


def replies(coordinator: ReplyDriven) -> Route:
    """Return where replies are posted: each is acknowledged, then handled beside all others."""
    under_way: set[asyncio.Task[None]] = set()

    async def take(request: Request) -> Response:
        reply = await body_of(request, Reply)
        task = asyncio.create_task(coordinator.handle(reply))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        return answer_response(reply.answer)

    return Route("/replies", take, methods=["POST"])


def main() -> None:
    """Run the worker."""
    database = own_database()
    remote = Remote()
    asked = participants(remote)
    log = blind_log(ORDER_SAGA, database)
    coordinator = ReplyDriven(log, Asker(asked), Commands(asked))
    face = [replies(coordinator), *routes(ORDER_SAGA, coordinator, database)]
    # A reply is a message: it counts although its sender does not wait to see it taken.
    parts = (remote, coordinator, Recovery(coordinator))
    serve(database, face, *parts, drops_abandoned=False)


if __name__ == "__main__":
    main()
