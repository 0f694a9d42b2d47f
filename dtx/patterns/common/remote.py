"""Asking another worker over HTTP, where no answer means that nothing is known."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
import msgspec

from dtx.patterns.common.barrier import Answer

T = TypeVar("T")

CALL_TIMEOUT_S = 1.0
"""For one attempt, with the wait for a free connection."""


class _Reply(msgspec.Struct, frozen=True):
    answer: Answer


class Remote:
    """One HTTP client for all workers that this one asks; an async context manager.

    One attempt takes `timeout_s` at most; without it, until there is an answer or the connection breaks.
    """

    def __init__(
        self, *, connections_per_host: int = 64, timeout_s: float | None = CALL_TIMEOUT_S
    ) -> None:
        # Bounded for each host: a silent one must not eat the connections of the others.
        self._connections_per_host = connections_per_host
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the session."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                limit_per_host=self._connections_per_host,
                # Shorter than our servers keep an idle connection, so that they never close it under a request.
                keepalive_timeout=15.0,
            ),
            timeout=aiohttp.ClientTimeout(total=self._timeout_s),
            json_serialize=lambda value: msgspec.json.encode(value).decode(),
            trust_env=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the session with its connections."""
        if self._session is not None:
            await self._session.close()

    async def ask(self, url: str, body: Mapping[str, Any]) -> Answer | None:
        """POST `body` once; return the participant's answer, or None if its outcome is unknown.

        Unknown is everything but an answer in our own words: no connection, no reply in time, a broken reply,
        a 5xx. The other side may have done it, may be doing it, or may do it later.
        """
        reply = await self.post(url, body, _Reply)
        return None if reply is None else reply.answer

    async def post(self, url: str, body: Mapping[str, Any], kind: type[T]) -> T | None:
        """POST `body` once; return the reply if it is a 200 or 409 with a `kind` in it, else None."""
        if self._session is None:
            raise RuntimeError("ask inside `async with remote`")
        try:
            async with self._session.post(url, json=body) as response:
                content = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None
        if response.status not in {200, 409}:
            return None
        try:
            return msgspec.json.decode(content, type=kind)
        except msgspec.MsgspecError:
            return None
