"""A worker as an HTTP service: serves when its database does, answers 503 when it does not, ends quickly.

What nobody waits for any more is not begun (presence.py).
"""

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from types import TracebackType
from typing import Any, LiteralString, Protocol, TypeVar

import msgspec
import psycopg
import pymysql
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from dtx.patterns.common.barrier import Answer
from dtx.patterns.common.narration import failure_name, start_narration, tell
from dtx.patterns.common.presence import PresenceProtocol, is_abandoned

T = TypeVar("T")


class _About(msgspec.Struct, frozen=True):
    tx: str | None = None


def json_response(status: int, body: dict[str, Any]) -> Response:
    """Return a JSON response."""
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def answer_response(answer: Answer) -> Response:
    """Return a participant's answer: 200 when what was asked is so now, 409 when it is not and won't be."""
    status = 409 if answer in {Answer.REFUSED, Answer.BARRED} else 200
    return json_response(status, {"answer": answer})


async def body_of(request: Request, kind: type[T]) -> T:
    """Return the request's body.

    Raises:
        msgspec.MsgspecError: it is not a `kind`; answered with 422.
    """
    return msgspec.json.decode(await request.body(), type=kind)


class Answering(Protocol):
    """A worker's own database, as far as serving goes; an async context manager."""

    async def __aenter__(self) -> object:
        """Begin to connect."""

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End."""

    async def fetch(self, query: LiteralString) -> object:
        """Run a query; an error if it does not answer."""


def serve(
    database: Answering | None,
    routes: Sequence[Route],
    *companions: AbstractAsyncContextManager[object],
    is_ready: Callable[[], bool] = lambda: True,
    drops_abandoned: bool = True,
) -> None:
    """Listen on 127.0.0.1:$PORT until SIGTERM, with the companions running beside.

    `/healthz` answers 200 when a request could be served now: the database, if there is one, answers, and it `is_ready`.
    `drops_abandoned`: a request whose sender has gone before it could be begun is told and dropped.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        del app
        async with AsyncExitStack() as stack:
            if database is not None:
                await stack.enter_async_context(database)
            for companion in companions:
                await stack.enter_async_context(companion)
            yield

    async def healthz(request: Request) -> Response:
        del request
        if database is not None:
            await database.fetch("select 1")
        ready = is_ready()
        return json_response(200 if ready else 503, {"ready": ready})

    application = Starlette(
        routes=[Route("/healthz", healthz), *routes],
        middleware=[Middleware(_DropAbandoned)] if drops_abandoned else [],
        lifespan=lifespan,
        exception_handlers={
            psycopg.Error: _outcome_unknown,
            pymysql.MySQLError: _outcome_unknown,
            msgspec.MsgspecError: _not_understood,
            ClientDisconnect: _gone,
        },
    )
    start_narration()
    uvicorn.run(
        application,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        http=PresenceProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=1,
    )


class _DropAbandoned:
    """Middleware in front of everything: the wait for a connection to the database is behind it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_abandoned(scope):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        with suppress(ClientDisconnect, msgspec.MsgspecError):  # then nothing to tell of
            await _tell_of(request, "dropped: whoever asked has gone")
        response = await _gone(request, ClientDisconnect())
        await response(scope, receive, send)


async def _tell_of(request: Request, what: str) -> None:
    """Tell what became of a request, so that none vanishes from the story of its transaction."""
    if request.method == "POST" and (tx := (await body_of(request, _About)).tx) is not None:
        tell(tx, f"{request.url.path.removeprefix('/')} {what}")


async def _outcome_unknown(request: Request, error: Exception) -> Response:
    """Answer for a database that could not be used, or whose COMMIT may or may not have happened."""
    await _tell_of(request, f"answered 503: {failure_name(error)}")
    return json_response(503, {"error": f"{failure_name(error)}: {error}".strip()})


async def _gone(request: Request, error: Exception) -> Response:
    """Answer for whoever can't read it; a sender that can must not take it for an outcome."""
    del request, error
    return json_response(503, {"error": "the sender has gone"})


async def _not_understood(request: Request, error: Exception) -> Response:
    del request
    return json_response(422, {"error": str(error)})
