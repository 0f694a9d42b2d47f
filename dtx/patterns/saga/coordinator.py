"""The orchestrator: takes every saga from its committed state to its end, whatever fails on the way.

One step is: ask a participant, commit what was learnt as the saga's new state, go on from there. So a
coordinator that dies anywhere leaves a state from which another goes on by asking the same again, which
the participants' barriers make harmless. Which step that is, the definition says.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, assert_never

import psycopg

from dtx.patterns.common.asking import Asker
from dtx.patterns.common.backoff import Backoff
from dtx.patterns.common.narration import failure_name, tell
from dtx.patterns.common.runners import Runners
from dtx.patterns.saga.definition import (
    STARTED,
    Act,
    Confirm,
    D,
    Over,
    SagaDefinition,
    State,
    Step,
    Undo,
)
from dtx.patterns.saga.saga_log import Saga

ANSWER_WITHIN_S = 2.0
"""A client waits so long for the end of its saga; then it is told to ask later."""

MOVES_AT_ONCE = 32
"""So many sagas are moved in the log at the same time; the others wait in line, where waiting costs nothing.

A runner never gives up, so it need not stand in the queue in front of the database, which is bounded and has a time-out
because clients do. Hundreds of runners there (a participant stood still, and now all sagas go on) would keep it full,
time out and come again, a thousand times in vain. Twice as many as the database has connections: none of these is idle
between two moves, and a client finds no long queue before it.
"""

_logger = logging.getLogger(__name__)


class Logging(Protocol[D]):
    """The saga log, as `SagaLog` explains it. Every method may raise psycopg.Error."""

    async def start(self, data: D) -> bool:
        """Store what is asked for and start its saga; False if it is there already."""

    async def move(self, saga: Saga[D], new: State, why: str) -> Saga[D] | None:
        """Compare and set the state; None if the saga is in another."""

    async def load(self, tx: str) -> Saga[D] | None:
        """Return what was committed last."""

    async def unfinished(self) -> list[Saga[D]]:
        """Return all sagas that have not ended."""

    async def mark_stuck(self, saga: Saga[D]) -> None:
        """Show the saga to an operator."""


class Coordinator(Runners[Saga[D]], Generic[D]):
    """Runs sagas of one definition, one runner for each; an async context manager that ends its runners.

    Only one coordinator runs at a time. A second one does no harm to the data (transitions are
    compare-and-set, requests idempotent), but only because of these two.
    """

    def __init__(
        self,
        definition: SagaDefinition[D],
        log: Logging[D],
        asker: Asker,
        *,
        backoff: Backoff | None = None,
    ) -> None:
        super().__init__()
        self._definition = definition
        self._log = log
        self._asker = asker
        self._backoff = backoff or Backoff()
        self._line = asyncio.Semaphore(MOVES_AT_ONCE)

    async def place(self, data: D, *, answer_within_s: float = ANSWER_WITHIN_S) -> Saga[D]:
        """Start a saga, or join the one that this `tx` has; return it as it is when its client is answered.

        Raises:
            psycopg.Error: unknown whether it was started; asking again is safe.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + answer_within_s
        saga = await self._started(data)
        if self._definition.is_over(saga.state):
            return saga
        runner = self.runner_of(saga)
        await asyncio.wait({runner}, timeout=max(0.0, deadline - loop.time()))
        return runner.result() if runner.done() else saga

    async def recover(self) -> None:
        """Take up every unfinished saga that has no runner here.

        Raises:
            psycopg.Error: the database can't be used.
        """
        await self.take_up(self._log.unfinished)

    async def run(self, transaction: Saga[D]) -> Saga[D]:
        """Take the saga to its end and return it; a passing error never ends it."""
        saga = transaction
        while not self._definition.is_over(saga.state):
            saga = await self.advance(saga)
        return saga

    async def advance(self, saga: Saga[D]) -> Saga[D]:
        """Do what follows from the saga's state, and commit what came of it."""
        match self._definition.following(saga.state):
            case Act(step=step):
                return await self._act(saga, step)
            case Undo(step=step):
                return await self._undo(saga, step)
            case Confirm():
                return await self.move(saga, self._definition.confirmed, "nothing left to do")
            case Over():
                return saga
            case following:
                assert_never(following)

    async def move(self, saga: Saga[D], new: State, why: str) -> Saga[D]:
        """Commit the new state, however long the log can't be reached; return what is committed then.

        After an error nobody knows whether the saga was moved. Trying again is safe, since the move is a
        compare-and-set; when it finds another state than ours, what is committed counts.
        """
        attempt = 1
        while True:
            try:
                async with self._line:
                    return await self._log.move(saga, new, why) or await self._committed(saga.tx)
            except psycopg.Error as error:
                tell(saga.tx, f"{new} not logged, attempt {attempt}: {failure_name(error)}")
            await asyncio.sleep(self._backoff.pause_s(attempt))
            attempt += 1

    async def _started(self, data: D) -> Saga[D]:
        what = self._definition.describe(data)
        if await self._log.start(data):
            tell(data.tx, f"{what} placed")
            return Saga(data=data, state=STARTED)
        found = await self._committed(data.tx)
        tell(data.tx, f"{what} placed again; its saga is {found.state}")
        return found

    async def _act(self, saga: Saga[D], step: Step[D]) -> Saga[D]:
        request = step.act(saga.data)
        if step.compensation:
            answer = await self._asker.within_budget(request)
        else:
            answer = await self._asker.until_answered(request, self._stuck(saga))
        new = self._definition.after_action(step, answer)
        if new == step.done:
            return await self.move(saga, new, f"{request.participant} did it")
        why = f"outcome of {step.action} unknown" if answer is None else f"{step.action} {answer}"
        return await self.move(saga, new, why)

    async def _undo(self, saga: Saga[D], step: Step[D]) -> Saga[D]:
        answer = await self._asker.until_answered(step.undo(saga.data), self._stuck(saga))
        new = self._definition.after_undone(step)
        return await self.move(saga, new, f"{step.compensation} {answer}")

    async def _committed(self, tx: str) -> Saga[D]:
        committed = await self._log.load(tx)
        if committed is None:
            raise LookupError(f"the saga of {tx} is gone from the log")
        return committed

    def _stuck(self, saga: Saga[D]) -> Callable[[], Awaitable[None]]:
        async def show() -> None:
            tell(saga.tx, f"stuck in state {saga.state}")
            try:
                await self._log.mark_stuck(saga)
            except psycopg.Error as error:
                _logger.warning("%s can't be marked as stuck now: %s", saga.tx, error)

        return show
