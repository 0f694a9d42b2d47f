"""The coordinator: has everybody reserve, decides, and carries the decision out, whatever fails on the way.

Nothing is done for good before the decision is in the log; nothing is undone after it. So a coordinator that dies
anywhere leaves a state from which another goes on by asking the same again, which the participants' barriers make
harmless.
"""

import asyncio
import logging
from typing import Protocol, assert_never

import psycopg

from dtx.patterns.common.asking import Asker, Request
from dtx.patterns.common.backoff import Backoff
from dtx.patterns.common.barrier import Answer
from dtx.patterns.common.narration import failure_name, tell
from dtx.patterns.common.runners import Runners
from dtx.patterns.tcc.definition import Branch, Outcome
from dtx.patterns.tcc.tcc_log import State, Tcc

TRY_BUDGET_S = 2.0
"""A try is asked for so long. Less than the time to decide, so that there is time left to write the decision."""

ANSWER_WITHIN_S = 2.0
"""A client waits so long for the end of its transaction; then it is told what is decided, or to ask later."""

_logger = logging.getLogger(__name__)


class Logging(Protocol):
    """The log, as `TccLog` explains it. Every method may raise psycopg.Error."""

    async def start(self, tx: str, branches: tuple[Branch, ...]) -> bool:
        """Store what is to be tried; False if `tx` is there already."""

    async def move(self, tcc: Tcc, new: State, why: str) -> Tcc | None:
        """Compare and set the state; None if it is in another, or too late for CONFIRMING."""

    async def load(self, tx: str) -> Tcc | None:
        """Return what was committed last."""

    async def unfinished(self) -> list[Tcc]:
        """Return all transactions that have not ended."""

    async def mark_stuck(self, tcc: Tcc) -> None:
        """Show the transaction to an operator."""


class Coordinator(Runners[Tcc]):
    """Runs transactions, one runner for each."""

    def __init__(self, log: Logging, asker: Asker, *, backoff: Backoff | None = None) -> None:
        super().__init__()
        self._log = log
        self._asker = asker
        self._backoff = backoff or Backoff()

    async def place(
        self,
        tx: str,
        branches: tuple[Branch, ...],
        what: str,
        *,
        answer_within_s: float = ANSWER_WITHIN_S,
    ) -> Tcc:
        """Start a transaction, or join the one with this id; return it as it is when its client is answered.

        Raises:
            psycopg.Error: unknown whether it was started; asking again is safe.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + answer_within_s
        tcc = await self._started(tx, branches, what)
        if tcc.is_over:
            return tcc
        runner = self.runner_of(tcc)
        await asyncio.wait({runner}, timeout=max(0.0, deadline - loop.time()))
        return runner.result() if runner.done() else await self._committed(tx)

    async def recover(self) -> None:
        """Take up every unfinished transaction that has no runner here.

        Raises:
            psycopg.Error: the database can't be used.
        """
        await self.take_up(self._log.unfinished)

    async def outcome(self, tx: str) -> Outcome:
        """Tell a participant whose reservation has expired; presume a cancel where nothing can be confirmed any more.

        Raises:
            psycopg.Error: the database can't be used.
        """
        tcc = await self._log.load(tx)
        if tcc is None:
            # What is tried was in the log before anybody was asked; so nobody will ever confirm this.
            return Outcome.CANCEL
        if tcc.state is State.TRYING and tcc.is_late:
            # Recorded before it is told. If somebody else decides at this moment, the log knows what counts.
            moved = await self._log.move(tcc, State.CANCELLING, "presumed, a participant asked")
            tcc = moved or await self._committed(tx)
        match tcc.state:
            case State.TRYING:
                return Outcome.UNDECIDED
            case State.CONFIRMING | State.CONFIRMED:
                return Outcome.CONFIRM
            case State.CANCELLING | State.CANCELLED:
                return Outcome.CANCEL
            case state:
                assert_never(state)

    async def run(self, transaction: Tcc) -> Tcc:
        """Take the transaction to its end and return it; a passing error never ends it."""
        tcc = transaction
        while not tcc.is_over:
            tcc = await self.advance(tcc)
        return tcc

    async def advance(self, tcc: Tcc) -> Tcc:
        """Do what follows from the state, and commit what came of it."""
        match tcc.state:
            case State.TRYING:
                return await self._decide(tcc)
            case State.CONFIRMING:
                await self.settle(tcc, "confirm")
                return await self.move(tcc, State.CONFIRMED, "all have confirmed")
            case State.CANCELLING:
                await self.settle(tcc, "cancel")
                return await self.move(tcc, State.CANCELLED, "all have cancelled")
            case State.CONFIRMED | State.CANCELLED:
                return tcc
            case state:
                assert_never(state)

    async def move(self, tcc: Tcc, new: State, why: str) -> Tcc:
        """Commit the new state, however long the log can't be reached; return what is committed then.

        After an error nobody knows whether it was moved. Trying again is safe, since the move is a
        compare-and-set; when it finds another state than ours, what is committed counts.
        """
        attempt = 1
        while True:
            try:
                return await self._log.move(tcc, new, why) or await self._committed(tcc.tx)
            except psycopg.Error as error:
                tell(tcc.tx, f"{new} not logged, attempt {attempt}: {failure_name(error)}")
            await asyncio.sleep(self._backoff.pause_s(attempt))
            attempt += 1

    async def settle(self, tcc: Tcc, name: str) -> None:
        """Have every participant confirm, or cancel, all at once; for ever if need be."""
        await asyncio.gather(*(self.settle_one(tcc, r) for r in _requests(tcc, name)))

    async def settle_one(self, tcc: Tcc, request: Request) -> None:
        """Ask until it is done. Nobody may refuse what is decided; a participant that does is shown to an operator."""
        attempt = 1
        while await self._asker.until_answered(request, lambda: self._show_stuck(tcc)) in _NO:
            tell(tcc.tx, f"{request.participant} refuses to {request.name}, which it may not")
            await self._show_stuck(tcc)
            await asyncio.sleep(self._backoff.pause_s(attempt))
            attempt += 1

    async def _decide(self, tcc: Tcc) -> Tcc:
        why_not = "it is too late to decide" if tcc.is_late else await self._tried(tcc)
        if not why_not:
            decided = await self.move(tcc, State.CONFIRMING, "all have reserved")
            if decided.state is not State.TRYING:
                return decided
            why_not = "all have reserved, but too late"
        return await self.move(tcc, State.CANCELLING, why_not)

    async def _tried(self, tcc: Tcc) -> str:
        """Have every participant reserve, all at once; return why it can't be confirmed, "" if it can."""
        attempts = [asyncio.create_task(self._try(r)) for r in _requests(tcc, "try")]
        try:
            for attempt in asyncio.as_completed(attempts):
                if why_not := await attempt:
                    return why_not
            return ""
        finally:
            # Who was not waited for may reserve yet: its cancel takes that back, or bars it.
            for task in attempts:
                task.cancel()

    async def _try(self, request: Request) -> str:
        answer = await self._asker.within_budget(request)
        if answer is Answer.DONE:
            return ""
        return f"{request.participant} {answer or 'did not answer in time'}"

    async def _started(self, tx: str, branches: tuple[Branch, ...], what: str) -> Tcc:
        if await self._log.start(tx, branches):
            tell(tx, f"{what} placed")
            return Tcc(tx=tx, state=State.TRYING, branches=branches)
        found = await self._committed(tx)
        tell(tx, f"{what} placed again; it is {found.state}")
        return found

    async def _committed(self, tx: str) -> Tcc:
        committed = await self._log.load(tx)
        if committed is None:
            raise LookupError(f"{tx} is gone from the log")
        return committed

    async def _show_stuck(self, tcc: Tcc) -> None:
        tell(tcc.tx, f"stuck in state {tcc.state}")
        try:
            await self._log.mark_stuck(tcc)
        except psycopg.Error as error:
            _logger.warning("%s can't be marked as stuck now: %s", tcc.tx, error)


_NO = frozenset({Answer.REFUSED, Answer.BARRED})


def _requests(tcc: Tcc, name: str) -> list[Request]:
    """Return what each participant is asked; whom to reserve what is told again to confirm and cancel."""
    return [
        Request(
            tx=tcc.tx,
            participant=branch.participant,
            name=name,
            body={"tx": tcc.tx, **branch.body},
        )
        for branch in tcc.branches
    ]
