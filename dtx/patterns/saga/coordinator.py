"""The orchestrator: takes every saga from its committed state to its end, whatever fails on the way.

One step is: ask a participant, commit what was learnt as the saga's new state, go on from there. So a
coordinator that dies anywhere leaves a state from which another goes on by asking the same again, which
the participants' barriers make harmless.

    STARTED --debit--> DEBITED --reserve--> RESERVED --confirm--> CONFIRMED
    refused: -> REJECTED, or -> REFUNDING -> REJECTED; unknown: the step itself is compensated too
"""

import asyncio
import logging
from types import TracebackType
from typing import Protocol, Self, assert_never

import psycopg

from dtx.patterns.common.backoff import Backoff
from dtx.patterns.common.barrier import Answer
from dtx.patterns.common.crash_points import crash_point
from dtx.patterns.common.narration import tell
from dtx.patterns.saga.participants import Request
from dtx.patterns.saga.saga_log import Order, Saga, State

ACTION_BUDGET_S = 3.0
"""An action is asked again for so long; then its outcome is taken as what it is: unknown."""

STUCK_AFTER_S = 15.0
"""A compensation that was asked for so long in vain is shown to an operator, and asked on."""

SCAN_EVERY_S = 1.0
"""How often unfinished sagas are looked for that nobody here runs."""

ANSWER_WITHIN_S = 2.0
"""A client waits so long for the end of its saga; then it is told to ask later."""

_logger = logging.getLogger(__name__)


class Asking(Protocol):
    """The participants."""

    async def ask(self, request: Request, order: Order) -> Answer | None:
        """Ask once; None if the outcome is unknown."""


class Logging(Protocol):
    """The saga log, as `SagaLog` explains it. Every method may raise psycopg.Error."""

    async def start(self, order: Order) -> bool:
        """Place the order and start its saga; False if it is there already."""

    async def move(self, saga: Saga, new: State, why: str) -> Saga | None:
        """Compare and set the state; None if the saga is in another."""

    async def load(self, tx: str) -> Saga | None:
        """Return what was committed last."""

    async def unfinished(self) -> list[Saga]:
        """Return all sagas that have not ended."""

    async def mark_stuck(self, saga: Saga) -> None:
        """Show the saga to an operator."""


class Coordinator:
    """Runs sagas, one runner for each; an async context manager, inside which unfinished ones are taken up.

    Only one coordinator runs at a time. A second one would do no harm to the data (transitions are
    compare-and-set, requests idempotent), but only because of these two.
    """

    def __init__(
        self, log: Logging, participants: Asking, *, backoff: Backoff | None = None
    ) -> None:
        self._log = log
        self._participants = participants
        self._backoff = backoff or Backoff()
        self._runners: dict[str, asyncio.Task[Saga]] = {}
        self._recovery: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to take up unfinished sagas, now and every second."""
        self._recovery = asyncio.create_task(self._recover_for_ever())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop where we are: what matters is committed, and the next start goes on from there."""
        if self._recovery is not None:
            self._recovery.cancel()
        for runner in self._runners.values():
            runner.cancel()

    async def place(self, order: Order) -> Saga:
        """Start a saga, or join the one that this `tx` has; return it as it is after at most two seconds.

        Raises:
            psycopg.Error: unknown whether it was started; asking again is safe.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + ANSWER_WITHIN_S
        if await self._log.start(order):
            tell(order.tx, f"order of {order.quantity} {order.sku} by {order.customer} placed")
            saga = Saga(order=order, state=State.STARTED)
        else:
            found = await self._log.load(order.tx)
            if found is None:
                raise LookupError(f"{order.tx} was there and is gone")
            tell(order.tx, f"order placed again; its saga is {found.state}")
            saga = found
        if saga.is_over:
            return saga
        runner = self._runner_of(saga)
        await asyncio.wait({runner}, timeout=max(0.0, deadline - loop.time()))
        return runner.result() if runner.done() else saga

    async def recover(self) -> None:
        """Take up every unfinished saga that has no runner here.

        Raises:
            psycopg.Error: the database can't be used.
        """
        # Those that run now may end before we have the answer, which would then be about the past.
        running = set(self._runners)
        for saga in await self._log.unfinished():
            if saga.tx not in running and saga.tx not in self._runners:
                tell(saga.tx, f"found unfinished in state {saga.state}, taken up")
                self._runner_of(saga)

    async def run(self, saga: Saga) -> Saga:
        """Take the saga to its end and return it; a passing error never ends it."""
        while not saga.is_over:
            saga = await self._advance(saga)
        return saga

    async def _advance(self, saga: Saga) -> Saga:
        """Do what follows from the saga's state, and commit what came of it."""
        match saga.state:
            case State.STARTED:
                return await self._debit(saga)
            case State.DEBITED:
                return await self._reserve(saga)
            case State.RESERVED:
                return await self._move(saga, State.CONFIRMED, "nothing left to do")
            case State.RELEASING:
                answer = await self._ask_until_answered(saga, Request.RELEASE)
                return await self._move(saga, State.REFUNDING, f"release {answer}")
            case State.REFUNDING:
                answer = await self._ask_until_answered(saga, Request.REFUND)
                return await self._move(saga, State.REJECTED, f"refund {answer}")
            case State.CONFIRMED | State.REJECTED:
                return saga
            case _:
                assert_never(saga.state)

    async def _debit(self, saga: Saga) -> Saga:
        match await self._ask_within_budget(saga, Request.DEBIT):
            case Answer.DONE:
                return await self._move(saga, State.DEBITED, "payments did it")
            case None:
                # It may have been done, or be done later: compensating it covers both.
                return await self._move(saga, State.REFUNDING, "outcome of debit unknown")
            case answer:
                return await self._move(saga, State.REJECTED, f"debit {answer}")

    async def _reserve(self, saga: Saga) -> Saga:
        match await self._ask_within_budget(saga, Request.RESERVE):
            case Answer.DONE:
                return await self._move(saga, State.RESERVED, "inventory did it")
            case None:
                return await self._move(saga, State.RELEASING, "outcome of reserve unknown")
            case answer:
                return await self._move(saga, State.REFUNDING, f"reserve {answer}")

    async def _move(self, saga: Saga, new: State, why: str) -> Saga:
        """Commit the new state, however long the log can't be reached; return what is committed then.

        After an error nobody knows whether the saga was moved. Trying again is safe, since the move is a
        compare-and-set; when it finds another state than ours, what is committed counts.
        """
        attempt = 1
        while True:
            try:
                return await self._log.move(saga, new, why) or await self._committed(saga)
            except psycopg.Error as error:
                tell(saga.tx, f"{new} not logged, attempt {attempt}: {type(error).__name__}")
            await asyncio.sleep(self._backoff.pause_s(attempt))
            attempt += 1

    async def _committed(self, saga: Saga) -> Saga:
        committed = await self._log.load(saga.tx)
        if committed is None:
            raise LookupError(f"the saga of {saga.tx} is gone from the log")
        return committed

    async def _ask_within_budget(self, saga: Saga, request: Request) -> Answer | None:
        """Ask for an action until it is answered; None if its outcome is unknown when the budget is spent."""
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + ACTION_BUDGET_S
        attempt = 1
        while True:
            answer = await self._ask_once(saga, request, attempt)
            pause_s = self._backoff.pause_s(attempt)
            if answer is not None or loop.time() + pause_s >= give_up_at:
                return answer
            await asyncio.sleep(pause_s)
            attempt += 1

    async def _ask_until_answered(self, saga: Saga, request: Request) -> Answer:
        """Ask for a compensation, for ever if need be; one that takes long is shown to an operator."""
        loop = asyncio.get_running_loop()
        stuck_at = loop.time() + STUCK_AFTER_S
        attempt = 1
        while (answer := await self._ask_once(saga, request, attempt)) is None:
            if loop.time() >= stuck_at:
                await self._show_stuck(saga)
                stuck_at += STUCK_AFTER_S
            await asyncio.sleep(self._backoff.pause_s(attempt))
            attempt += 1
        return answer

    async def _show_stuck(self, saga: Saga) -> None:
        tell(saga.tx, f"stuck in state {saga.state}")
        try:
            await self._log.mark_stuck(saga)
        except psycopg.Error as error:
            _logger.warning("%s can't be marked as stuck now: %s", saga.tx, error)

    async def _ask_once(self, saga: Saga, request: Request, attempt: int) -> Answer | None:
        tell(saga.tx, f"{request} asked of {request.participant}, attempt {attempt}")
        crash_point(f"before-send-{request}", saga.tx)
        answer = await self._participants.ask(request, saga.order)
        if answer is None:
            tell(saga.tx, f"{request} not answered, attempt {attempt}")
        else:
            crash_point(f"after-reply-{request}", saga.tx)
            tell(saga.tx, f"{request} answered: {answer}")
        return answer

    def _runner_of(self, saga: Saga) -> "asyncio.Task[Saga]":
        """Return the one runner of this saga, begun now if there is none."""
        runner = self._runners.get(saga.tx)
        if runner is None:
            runner = asyncio.create_task(self.run(saga))
            self._runners[saga.tx] = runner
            runner.add_done_callback(lambda done: self._forget(saga.tx, done))
        return runner

    def _forget(self, tx: str, runner: "asyncio.Task[Saga]") -> None:
        del self._runners[tx]
        if not runner.cancelled() and (error := runner.exception()) is not None:
            _logger.error("saga %s failed by a defect; it is taken up again", tx, exc_info=error)

    async def _recover_for_ever(self) -> None:
        while True:
            try:
                await self.recover()
            except psycopg.Error as error:
                _logger.warning("unfinished sagas can't be read now: %s", error)
            await asyncio.sleep(SCAN_EVERY_S)
