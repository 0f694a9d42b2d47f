"""A service that several workers offer: whoever does not serve is passed over, and who served last is asked first.

As a client does that knows all members of a group of which one leads. A request may so arrive at several of them, so
only a system that does a transaction once however often it is asked for should name more than one address.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp

from dtx.core.history import Outcome
from dtx.workload.failures import classify

UNAVAILABLE = 503
"""What a worker answers that can't serve now, or is not the one who does (RFC 9110, 15.6.4)."""

PAUSE_S = 0.1
"""After a round in which nobody served."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An HTTP answer, read to its end."""

    status: int
    body: bytes


class UnservedError(Exception):
    """No address served; `outcome` is `fail` only if certainly nothing was sent to any of them."""

    def __init__(self, outcome: Outcome, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.detail = detail


class Addresses:
    """`count` addresses, by number. Rounds go on until one serves or `within_s` is over; one round is made always."""

    def __init__(self, count: int, *, within_s: float) -> None:
        self._count = count
        self._within_s = within_s
        self._serving = 0

    async def ask(self, send: Callable[[int], Awaitable[Reply]]) -> Reply:
        """Return the first answer that is one; a single address is asked once, and its answer is that.

        Raises:
            UnservedError: none of several served.
            aiohttp.ClientError, TimeoutError, OSError: the only one there is did not answer.
        """
        if self._count == 1:
            return await send(0)
        clock = asyncio.get_running_loop().time
        ends_at_s = clock() + self._within_s
        is_certain, detail = True, ""
        while True:
            first = self._serving
            for number in ((first + step) % self._count for step in range(self._count)):
                outcome, detail = Outcome.INFO, f"HTTP {UNAVAILABLE}"
                try:
                    reply = await send(number)
                except (TimeoutError, aiohttp.ClientError, OSError) as error:
                    outcome, detail = classify(error)
                else:
                    if reply.status != UNAVAILABLE:
                        self._serving = number
                        return reply
                is_certain = is_certain and outcome is Outcome.FAIL
            if clock() >= ends_at_s:
                outcome = Outcome.FAIL if is_certain else Outcome.INFO
                raise UnservedError(
                    outcome, f"none of {self._count} addresses served, at last: {detail}"
                )
            await asyncio.sleep(PAUSE_S)
