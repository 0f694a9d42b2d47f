"""The transaction manager: takes every transaction through work, votes, one decision, and its consequence.

It lives in the application, as with JTA: who asks for a transaction and who runs it are one process. What it knows
that matters is in the decision log and in the prepared branches; recovery goes on from there alone.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

import psycopg

from dtx.patterns.common.backoff import Backoff
from dtx.patterns.common.crash_points import crash_point
from dtx.patterns.common.narration import failure_name, tell
from dtx.patterns.twophase.decision_log import Record
from dtx.patterns.twophase.identity import Xid
from dtx.patterns.twophase.lease import Leading, NotLeadingError
from dtx.patterns.twophase.resource import (
    Decision,
    RefusedError,
    ResourceError,
    ResourceManager,
)
from dtx.patterns.twophase.voting import Ballot

W = TypeVar("W")

ANSWER_WITHIN_S = 2.0
"""A client waits so long for the end of its transaction; then it is told what is decided, or to ask later."""

AT_ONCE = 12
"""So many transactions are in work or vote at once, each holding locks; the others wait where they hold none.

Without this a short stall feeds on itself: more at once means longer locks, which means more at once.
"""

ADMISSION_WITHIN_S = 1.0

_logger = logging.getLogger(__name__)


class Logging(Protocol):
    """The decision log, as `DecisionLog` explains it. Every method may raise psycopg.Error."""

    async def decide(
        self, xid: Xid, decision: Decision, *, epoch: int, participants: tuple[str, ...] = ()
    ) -> Record:
        """Force a decision unless there is one; return the one that counts.

        Raises:
            NotLeadingError: there is none, and the epoch is over.
        """

    async def read(self, txs: Collection[str]) -> dict[str, Record]:
        """Return what is decided."""

    async def unforgotten(self) -> list[Record]:
        """Return what is committed, but maybe not yet by all its participants, and what an operator is shown."""

    async def forget(self, xid: Xid) -> None:
        """Note that every branch has ended as decided."""

    async def mark_stuck(self, xid: Xid) -> None:
        """Show the transaction to an operator, whichever attempt at it was decided, until it is forgotten."""


@dataclass(slots=True)
class Run:
    """An attempt under way here, and what is known to be decided of its transaction."""

    xid: Xid
    record: Record | None = None
    task: "asyncio.Task[None] | None" = None


class TransactionManager(Generic[W]):
    """Runs transactions over the same resource managers; an async context manager that ends its runs.

    `stages`: the resource managers, in the order in which their work is done; those of one stage at once. Where at
    most one of a stage takes locks that other transactions want, and all take them in this order, no two wait for
    each other over two vendors, where neither server would see it. Where that can't be, `stages_of` says the order
    for each transaction, and the servers' lock time-outs have to break what comes of it.

    `alone`: those that decide about a transaction by themselves if it has no other branch. It is committed there in
    one phase; the log knows nothing of it, and inquiries go there.
    """

    def __init__(
        self,
        group: str,
        stages: Sequence[Sequence[ResourceManager[W]]],
        log: Logging,
        lead: Leading,
        *,
        alone: Collection[ResourceManager[W]] = (),
        backoff: Backoff | None = None,
    ) -> None:
        self.group = group
        self._alone = alone
        self.resources = tuple(rm for stage in stages for rm in stage)
        self._stages = stages
        self.log = log
        self.lead = lead
        self._backoff = backoff or Backoff()
        self._runs: dict[str, Run] = {}
        self._room = asyncio.Semaphore(AT_ONCE)

    async def __aenter__(self) -> Self:
        """Begin with nothing; what others left is recovery's."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop where we are: what matters is in the log and in the catalogues."""
        for run in self._runs.values():
            if run.task is not None:
                run.task.cancel()

    def stages_of(self, work: W) -> Sequence[Sequence[ResourceManager[W]]]:
        """Return the order of work for this transaction: the same for all, unless a subclass knows better."""
        del work
        return self._stages

    def new_attempt(self, tx: str, *, epoch: int) -> Xid:
        """Return the name of another attempt at a transaction, never used before."""
        return Xid.new(self.group, tx, epoch=epoch)

    def running(self) -> frozenset[Xid]:
        """Return the attempts that are under way here, which recovery must leave alone."""
        return frozenset(run.xid for run in self._runs.values())

    async def inquire(self, tx: str) -> Decision | None:
        """Return how a transaction ended, None while it is under way here.

        What nobody has decided and nobody here runs is presumed aborted. So that this stays true once it is said, it
        becomes an abort record first: a request for it that is still on its way, or another manager, loses to it.
        Only who leads may presume: elsewhere it may be under way.

        Raises:
            NotLeadingError: nothing is decided, and another manager leads.
            ResourceError: who may have decided alone can't be asked.
            psycopg.Error: the log can't be used.
        """
        was_running = tx in self._runs
        record = (await self.log.read([tx])).get(tx)
        if record is None:
            if was_running or tx in self._runs:
                return None
            epoch = self._leading()
            for rm in self._alone:
                if await rm.decided_alone(tx) is Decision.COMMIT:
                    return Decision.COMMIT
            xid = self.new_attempt(tx, epoch=epoch)
            record = await self.log.decide(xid, Decision.ABORT, epoch=epoch)
        return record.decision

    async def place(
        self, tx: str, work: W, *, answer_within_s: float = ANSWER_WITHIN_S
    ) -> Decision | None:
        """Run the transaction, or join it if it runs; return what is decided, None if nothing is yet.

        Raises:
            NotLeadingError: another manager leads, or took over before it was decided; asking that one is safe.
            psycopg.Error: the log can't be used; asking again is safe.
        """
        run = self._runs.get(tx)
        if run is None:
            run = Run(self.new_attempt(tx, epoch=self._leading()))
            run.task = asyncio.create_task(self._run_as_needed(run, work))
            self._runs[tx] = run
            run.task.add_done_callback(lambda done: self._ended(tx, done))
        if run.task is not None:
            await asyncio.wait({run.task}, timeout=answer_within_s)
            if run.task.done():
                run.task.result()
        return run.record.decision if run.record else None

    async def _run_as_needed(self, run: Run, work: W) -> None:
        """Run it in one phase where one resource manager takes part and can decide alone, else in two."""
        match [rm for stage in self.stages_of(work) for rm in stage]:
            case [rm] if rm in self._alone:
                await self._run_alone(run, rm, work)
            case _:
                await self._run(run, work)

    async def _run_alone(self, run: Run, rm: ResourceManager[W], work: W) -> None:
        ballot: Ballot[W] = Ballot(xid=run.xid)
        tx = run.xid.tx
        decision = Decision.COMMIT
        try:
            async with self._turn():
                await ballot.work([[rm]], work, alone=True)
                crash_point("before-commit-alone", tx)
                await ballot.commit_alone()
        except (RefusedError, ResourceError) as error:
            tell(tx, f"not known to be committed in one phase: {error}")
            decision = await self._decided_alone(run.xid, rm)
        crash_point("after-commit-alone", tx)
        tell(tx, f"{rm.name} decided alone, in one phase: {decision}")
        run.record = Record(xid=run.xid, decision=decision)

    async def _decided_alone(self, xid: Xid, rm: ResourceManager[W]) -> Decision:
        """Return what a resource manager decided alone, however long it can't be reached."""
        attempt = 1
        while True:
            try:
                return await rm.decided_alone(xid.tx)
            except ResourceError as error:
                tell(xid.tx, f"decision unknown, attempt {attempt}: {error}")
            await asyncio.sleep(self._backoff.pause_s(attempt))
            attempt += 1

    async def _run(self, run: Run, work: W) -> None:
        ballot: Ballot[W] = Ballot(xid=run.xid)
        try:
            await self._vote(run, ballot, work)
        except (RefusedError, ResourceError) as no:
            tell(run.xid.tx, f"abort: {no}")
            rolling_back = asyncio.create_task(ballot.roll_back())
            try:
                # Forced, though it would be presumed: it is told, and a repeat that comes later must not commit.
                run.record = await self.log.decide(run.xid, Decision.ABORT, epoch=run.xid.epoch)
            finally:
                await rolling_back
        except Exception:  # a defect must not keep locks and connections
            await ballot.roll_back()
            raise
        else:
            await self.conclude(run, ballot)

    async def _vote(self, run: Run, ballot: Ballot[W], work: W) -> None:
        """Do the work and let all vote, in our turn; raises what speaks against a commit."""
        async with self._turn():
            await ballot.work(self.stages_of(work), work)
            await self.ask_for_votes(run, ballot)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Be one of those that are in work or vote.

        Raises:
            ResourceError: there are too many.
        """
        try:
            async with asyncio.timeout(ADMISSION_WITHIN_S):
                await self._room.acquire()
        except TimeoutError as error:
            raise ResourceError("too many transactions at once") from error
        try:
            yield
        finally:
            self._room.release()

    async def ask_for_votes(self, run: Run, ballot: Ballot[W]) -> None:
        """Let all vote; raises what speaks against a commit. A vote that takes too long is a No: each has its deadline."""
        del run
        await ballot.prepare()

    async def conclude(self, run: Run, ballot: Ballot[W]) -> None:
        """Decide, now that no vote is No, and do what follows. Also where all only read: who asks later hears the same."""
        try:
            run.record = await self._decided(run.xid, ballot.participants)
        except NotLeadingError as error:
            tell(run.xid.tx, f"undone, another manager leads: {error}")
            await ballot.roll_back()
            raise
        await self.carry_out(run.xid, ballot, run.record)

    async def carry_out(self, xid: Xid, ballot: Ballot[W], record: Record) -> None:
        """Do everywhere what is decided, and forget it."""
        if record.of(xid) is Decision.ABORT:
            tell(xid.tx, f"abort: {record.xid} was decided before: {record.decision}")
            await ballot.roll_back()
            return
        crash_point("after-decision", xid.tx)
        await ballot.commit(self.show_stuck, self._backoff)
        tell(xid.tx, "committed everywhere")
        crash_point("before-forget", xid.tx)
        try:
            await self.log.forget(xid)
        except psycopg.Error as error:
            tell(xid.tx, f"to be forgotten by recovery: {failure_name(error)}")

    async def _decided(self, xid: Xid, participants: tuple[str, ...]) -> Record:
        """Return the decision that counts, however long the log can't be reached: this is where 2PC blocks.

        After an error nobody knows whether our decision is in the log. Asking again is safe: the first one counts.
        """
        attempt = 1
        while True:
            try:
                record = await self.log.decide(
                    xid, Decision.COMMIT, epoch=xid.epoch, participants=participants
                )
            except psycopg.Error as error:
                tell(xid.tx, f"decision unknown, attempt {attempt}: {failure_name(error)}")
            else:
                tell(xid.tx, f"all voted yes; decided: {record.of(xid)}")
                return record
            await asyncio.sleep(self._backoff.pause_s(attempt))
            attempt += 1

    def _leading(self) -> int:
        """Return the epoch in which we lead.

        Raises:
            NotLeadingError: we do not.
        """
        if (epoch := self.lead.epoch) is None:
            raise NotLeadingError("another manager leads")
        return epoch

    async def show_stuck(self, xid: Xid) -> None:
        """Put a transaction in front of an operator, if the log can be reached."""
        tell(xid.tx, "stuck in phase two: an operator should look")
        try:
            await self.log.mark_stuck(xid)
        except psycopg.Error as error:
            _logger.warning("%s can't be marked as stuck now: %s", xid, error)

    def _ended(self, tx: str, done: "asyncio.Task[None]") -> None:
        del self._runs[tx]
        if done.cancelled():
            return
        error = done.exception()
        if error is not None and not isinstance(error, psycopg.Error | NotLeadingError):
            _logger.error("%s failed by a defect; recovery ends it", tx, exc_info=error)
