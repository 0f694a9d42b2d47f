"""Commands and replies as messages: a participant takes a command at once and posts its reply later, by another way.

So a reply may come late, twice, or when its question is no longer asked, as over a message broker.
"""

import asyncio
import itertools
import os
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dtx.patterns.common.asking import Request as Command
from dtx.patterns.common.barrier import Answer
from dtx.patterns.common.narration import tell
from dtx.patterns.common.participants import Participants
from dtx.patterns.common.remote import CALL_TIMEOUT_S, Remote
from dtx.patterns.common.service import body_of, json_response

REDELIVERED_EVERY_S = 1.0
"""Between deliveries of one reply, from the third on."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a participant says about a command; `to` is the command's name."""

    tx: str
    to: str
    answer: Answer


class _Answered(msgspec.Struct, frozen=True):
    answer: Answer


class _About(msgspec.Struct, frozen=True):
    tx: str


class Replier:
    """The participant's end: takes commands, and posts what its own routes would have answered."""

    def __init__(self, remote: Remote) -> None:
        self.remote = remote
        self._url = f"{os.environ['REPLIES_URL']}/replies"
        self._under_way: set[asyncio.Task[None]] = set()

    def routes(self, commands: Sequence[Route]) -> list[Route]:
        """Return routes that take the same commands with a 202."""
        return [Route(route.path, self._taking(route), methods=["POST"]) for route in commands]

    def _taking(self, route: Route) -> Callable[[Request], Awaitable[Response]]:
        async def take(request: Request) -> Response:
            await request.body()
            task = asyncio.create_task(self._carry_out(route, request))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            return json_response(202, {})

        return take

    async def _carry_out(self, route: Route, request: Request) -> None:
        response: Response = await route.endpoint(request)
        answer = msgspec.json.decode(response.body, type=_Answered).answer
        about = await body_of(request, _About)
        await self.deliver(Reply(tx=about.tx, to=route.path.removeprefix("/"), answer=answer))

    async def deliver(self, reply: Reply) -> None:
        """Post the reply, once."""
        await self.post(reply)

    async def post(self, reply: Reply) -> bool:
        """Post the reply; return whether it was acknowledged."""
        return await self.remote.ask(self._url, msgspec.structs.asdict(reply)) is not None


class Redelivering(Replier):
    """Delivers at least once, as brokers do: what was not acknowledged when the connection broke comes again.

    It comes at once, then every second. The remote must have no time-out, so that slowness alone repeats nothing.
    """

    async def deliver(self, reply: Reply) -> None:
        """Post the reply until it is acknowledged."""
        for attempt in itertools.count():
            if await self.post(reply):
                return
            tell(reply.tx, f"reply to {reply.to} not acknowledged, delivered again")
            if attempt:
                await asyncio.sleep(REDELIVERED_EVERY_S)


class Mailbox:
    """The coordinator's end: asks, and takes the next reply of that saga for the answer, whatever it was a reply to."""

    def __init__(self, participants: Participants) -> None:
        self._participants = participants
        self._replies: dict[str, asyncio.Queue[Reply]] = defaultdict(asyncio.Queue)

    @property
    def route(self) -> Route:
        """Where replies are posted."""

        async def take(request: Request) -> Response:
            reply = await body_of(request, Reply)
            self._replies[reply.tx].put_nowait(reply)
            return json_response(202, {})

        return Route("/replies", take, methods=["POST"])

    async def ask(self, request: Command) -> Answer | None:
        """Send the command; None if no reply comes in time."""
        await self._participants.ask(request)
        try:
            reply = await asyncio.wait_for(self._replies[request.tx].get(), CALL_TIMEOUT_S)
        except TimeoutError:
            return None
        if reply.to != request.name:
            tell(
                request.tx, f"a late reply to {reply.to} is taken for the answer to {request.name}"
            )
        return reply.answer
