"""How long a participant is asked: until a budget is spent if what it did can be taken back, else for ever."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from dtx.patterns.common.backoff import Backoff
from dtx.patterns.common.barrier import Answer
from dtx.patterns.common.crash_points import crash_point
from dtx.patterns.common.narration import tell

ACTION_BUDGET_S = 3.0
"""An action is asked again for so long; then its outcome is taken as what it is: unknown."""

STUCK_AFTER_S = 15.0
"""What is asked for ever is shown to an operator after so long in vain, and asked on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One thing asked of a participant: `name` is debit, refund and the like."""

    tx: str
    participant: str
    name: str
    body: Mapping[str, Any]


class Asked(Protocol):
    """The participants."""

    async def ask(self, request: Request) -> Answer | None:
        """Ask once; None if the outcome is unknown."""


class Asker:
    """Asks again and again, which the participants' barriers make harmless."""

    def __init__(
        self,
        participants: Asked,
        *,
        backoff: Backoff | None = None,
        budget_s: float = ACTION_BUDGET_S,
    ) -> None:
        self._participants = participants
        self._budget_s = budget_s
        self._backoff = backoff or Backoff()

    async def within_budget(self, request: Request) -> Answer | None:
        """Ask for an action until it is answered; None if its outcome is unknown when the budget is spent."""
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self._budget_s
        attempt = 1
        while True:
            answer = await self.once(request, attempt)
            pause_s = self._backoff.pause_s(attempt)
            if answer is not None or loop.time() + pause_s >= give_up_at:
                return answer
            await asyncio.sleep(pause_s)
            attempt += 1

    async def until_answered(
        self, request: Request, show_stuck: Callable[[], Awaitable[None]]
    ) -> Answer:
        """Ask for ever if need be, as for a compensation; what takes long is shown to an operator."""
        loop = asyncio.get_running_loop()
        stuck_at = loop.time() + STUCK_AFTER_S
        attempt = 1
        while (answer := await self.once(request, attempt)) is None:
            if loop.time() >= stuck_at:
                await show_stuck()
                stuck_at += STUCK_AFTER_S
            await asyncio.sleep(self._backoff.pause_s(attempt))
            attempt += 1
        return answer

    async def once(self, request: Request, attempt: int) -> Answer | None:
        """Ask once; None if the outcome is unknown."""
        name, tx = request.name, request.tx
        tell(tx, f"{name} asked of {request.participant}, attempt {attempt}")
        crash_point(f"before-send-{name}", tx)
        answer = await self._participants.ask(request)
        if answer is None:
            tell(tx, f"{name} not answered, attempt {attempt}")
        else:
            crash_point(f"after-reply-{name}", tx)
            tell(tx, f"{name} answered: {answer}")
        return answer
