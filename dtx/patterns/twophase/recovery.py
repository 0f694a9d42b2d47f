"""Recovery: ends what is prepared and has nobody who ends it, from the log and the catalogues alone.

Only who leads recovers: as soon as he does, and every second. A branch says in which epoch its owner led (identity.py).
Those of a later epoch are somebody else's who leads by now: hands off. For each other prepared branch of our group that
is not under way here:

- the log has a record: commit, or roll back, as it says. Its owner, if he lives, is doing the same, which hurts nobody:
  the one who comes second finds the marker row, and no branch;
- it has none, and is of an earlier epoch: its owner can't decide it any more. Write an abort record, then do what counts;
- it has none, and is of our own epoch: it was left behind by work of our own, or is about to be taken up. The same, once
  it was seen before and is old enough not to be live work.

A branch that can't be ended as decided, again and again, is shown to an operator, and keeps no other from its end.

And for each committed transaction that is not forgotten, for what is rolled back here, and for what an operator is shown: once it has no prepared branch
anywhere, be it that they were ended just before, and its marker rows say what is decided, it is forgotten: everybody who
voted Yes to a commit has one, nobody has one of an abort. If they say otherwise twice running, somebody else ended a branch,
and an operator is shown it; once may be a commit of its owner's that is just being done.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import psycopg

from dtx.patterns.common.background import Background
from dtx.patterns.common.narration import tell
from dtx.patterns.twophase.decision_log import Record, UnreadableDecisionError
from dtx.patterns.twophase.identity import BranchId, Xid
from dtx.patterns.twophase.lease import NotLeadingError
from dtx.patterns.twophase.resource import Decision, ResourceError, ResourceManager, Settled
from dtx.patterns.twophase.transaction_manager import Logging, TransactionManager

W = TypeVar("W")

SCAN_EVERY_S = 1.0

ABANDONED_AFTER_S = 3.0
"""A branch of this epoch without a decision may be live work until it was seen for so long: more than votes may take."""

STUCK_AFTER = 5
"""At so many scans a branch could not be ended, and an operator is shown its transaction; then it goes on."""

_ENDED = {Decision.COMMIT: "committed", Decision.ABORT: "rolled back"}

_logger = logging.getLogger(__name__)


class Recovery(Background, Generic[W]):
    """Recovers beside the service; a passing error does not end it."""

    def __init__(
        self,
        manager: TransactionManager[W],
        log: Logging,
        *,
        abandoned_after_s: float = ABANDONED_AFTER_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._manager = manager
        self.log = log
        self._abandoned_after_s = abandoned_after_s
        self._clock = clock
        self._first_seen_s: dict[Xid, float] = {}
        self._at_odds_before: frozenset[Xid] = frozenset()
        self._failures: dict[BranchId, int] = {}
        self._rolled_back: dict[Xid, Record] = {}

    async def scan(self, epoch: int) -> None:
        """Look once, as the one who leads in `epoch`, and end what can be ended.

        Raises:
            NotLeadingError: another manager leads by now.
            psycopg.Error: the log can't be used.
        """
        # Before the catalogues are read: a transaction that is in the log by now was prepared everywhere before.
        unforgotten = await self.log.unforgotten()
        running = self._manager.running()
        found = await self._prepared()
        running |= self._manager.running()
        orphans = [
            (rm, branch)
            for rm, branches in found.items()
            for branch in branches
            if branch.xid not in running and branch.xid.epoch <= epoch
        ]
        ended = await self._end(orphans, epoch)
        if len(found) == len(self._manager.resources):
            open_ones = {
                branch.xid.tx
                for branches in found.values()
                for branch in branches
                if branch not in ended
            } | {xid.tx for xid in running}
            known = {record.xid for record in unforgotten}
            self._rolled_back = {x: r for x, r in self._rolled_back.items() if x not in known}
            records = (*unforgotten, *self._rolled_back.values())
            ended_ones = [record for record in records if record.xid.tx not in open_ones]
            if ended_ones:
                await self._forget(ended_ones)

    async def undecided(self, xid: Xid, epoch: int) -> Record | None:
        """Return what counts for an attempt that the log does not know; None if it may still be live.

        Raises:
            NotLeadingError: another manager leads by now, and decides.
        """
        first_seen_s = self._first_seen_s.setdefault(xid, self._clock())
        age_s = self._clock() - first_seen_s
        if xid.epoch == epoch and age_s < self._abandoned_after_s:
            return None
        record = await self.log.decide(xid, Decision.ABORT, epoch=epoch)
        whose = f"of epoch {xid.epoch}" if xid.epoch < epoch else f"for {age_s:.1f} s"
        tell(xid.tx, f"in doubt {whose} without a decision: {record.of(xid)}")
        return record

    async def _prepared(self) -> dict[ResourceManager[W], list[BranchId]]:
        """Return the branches in doubt at every resource manager that answers."""
        resources = self._manager.resources
        listed = await asyncio.gather(
            *(rm.in_doubt(self._manager.group) for rm in resources), return_exceptions=True
        )
        found: dict[ResourceManager[W], list[BranchId]] = {}
        for rm, branches in zip(resources, listed, strict=True):
            if isinstance(branches, ResourceError):
                _logger.warning("branches in doubt can't be read now: %s", branches)
            elif isinstance(branches, BaseException):
                raise branches
            else:
                found[rm] = branches
        return found

    async def _end(
        self, orphans: Sequence[tuple[ResourceManager[W], BranchId]], epoch: int
    ) -> set[BranchId]:
        """End what is decided; return what has ended."""
        records = await self._records({branch.xid for _, branch in orphans}, epoch)
        to_end: dict[ResourceManager[W], list[tuple[BranchId, Decision]]] = {}
        for rm, branch in orphans:
            if record := records.get(branch.xid):
                to_end.setdefault(rm, []).append((branch, record.of(branch.xid)))
                if record.decision is Decision.ABORT:
                    self._rolled_back[record.xid] = record
        there = {branch for _, branch in orphans}
        self._failures = {b: times for b, times in self._failures.items() if b in there}
        for endings in to_end.values():
            endings.sort(key=lambda ending: self._failures.get(ending[0], 0))
        ended = await asyncio.gather(*(self._end_at(rm, those) for rm, those in to_end.items()))
        return set().union(*ended)

    async def _records(self, xids: set[Xid], epoch: int) -> dict[Xid, Record]:
        """Return what counts for each that can be ended."""
        self._first_seen_s = {x: at for x, at in self._first_seen_s.items() if x in xids}
        records = await self.log.read({xid.tx for xid in xids}) if xids else {}
        unknown = sorted((xid for xid in xids if xid.tx not in records), key=str)
        # All at once: their abort records share forced writes.
        found = await asyncio.gather(
            *(self.undecided(xid, epoch) for xid in unknown), return_exceptions=True
        )
        counting = {xid: records[xid.tx] for xid in xids if xid.tx in records}
        for xid, record in zip(unknown, found, strict=True):
            if isinstance(record, UnreadableDecisionError):
                _logger.error("%s stays in doubt: %s", xid, record)
                continue
            if isinstance(record, BaseException):
                raise record
            if record is not None:
                counting[xid] = record
        return counting

    async def _end_at(
        self, rm: ResourceManager[W], endings: Sequence[tuple[BranchId, Decision]]
    ) -> set[BranchId]:
        """End branches at one resource manager; return what has ended."""
        ended: set[BranchId] = set()
        stuck: set[Xid] = set()

        def note(branch: BranchId, decision: Decision, found: Settled | ResourceError) -> None:
            if isinstance(found, ResourceError):
                tell(
                    branch.xid.tx, f"{branch.gid} is still in doubt, {decision} is decided: {found}"
                )
                failures = self._failures[branch] = self._failures.get(branch, 0) + 1
                if failures % STUCK_AFTER == 0:
                    stuck.add(branch.xid)
            elif found is Settled.DONE:
                tell(branch.xid.tx, f"recovered at {rm.name}: {decision}")
                ended.add(branch)

        await rm.settle_all(endings, note)
        await asyncio.gather(*(self._manager.show_stuck(xid) for xid in stuck))
        return ended

    async def _forget(self, records: Sequence[Record]) -> None:
        """Forget those that have ended everywhere as decided."""
        try:
            at_odds = await self._at_odds(records)
        except ResourceError as error:
            _logger.warning("%d transactions can't be forgotten yet: %s", len(records), error)
            self._at_odds_before = frozenset()
            return
        whole = [record for record in records if record.xid not in at_odds]
        # What was rolled back here is not shown to anybody, unless it is at odds.
        to_forget = [r for r in whole if self._rolled_back.pop(r.xid, None) is None]
        await asyncio.gather(*(self.log.forget(record.xid) for record in to_forget))
        for record in to_forget:
            tell(record.xid.tx, f"{_ENDED[record.decision]} everywhere, by recovery")
        for record in records:
            if record.xid in self._at_odds_before and record.xid in at_odds:
                where = ", ".join(at_odds[record.xid])
                tell(
                    record.xid.tx,
                    f"{_ENDED[record.decision]}, but ended by somebody else at {where}",
                )
                await self.log.mark_stuck(record.xid)
                self._rolled_back.pop(record.xid, None)
        self._at_odds_before = frozenset(at_odds)

    async def _at_odds(self, records: Sequence[Record]) -> dict[Xid, list[str]]:
        """Return those of which a marker row is missing, or is there in spite of an abort, and where.

        Raises:
            ResourceError: not everybody answers.
        """
        aborted = {record.xid.tx for record in records if record.decision is Decision.ABORT}

        async def otherwise(rm: ResourceManager[W]) -> set[str]:
            txs = {record.xid.tx for record in records if rm.name in record.participants}
            marked = await rm.have_marker(txs | aborted) if txs | aborted else set()
            return (txs - marked) | (aborted & marked)

        resources: Sequence[ResourceManager[W]] = self._manager.resources
        found = await asyncio.gather(*(otherwise(rm) for rm in resources))
        at_odds: dict[Xid, list[str]] = {}
        names = {rm.name for rm in resources}
        for record in records:
            if unserved := [name for name in record.participants if name not in names]:
                at_odds[record.xid] = unserved  # what becomes of them nobody here can see
        for rm, txs in zip(resources, found, strict=True):
            for xid in (record.xid for record in records if record.xid.tx in txs):
                at_odds.setdefault(xid, []).append(rm.name)
        return at_odds

    async def run(self) -> None:
        """Scan for ever, while we lead."""
        while True:
            epoch = await self._manager.lead.leads()
            try:
                await self.scan(epoch)
            except NotLeadingError as error:
                _logger.warning("left to who leads now: %s", error)
            except psycopg.Error as error:
                _logger.warning("the decision log can't be used now: %s", error)
            except Exception:
                _logger.exception("a scan failed by a defect; the next one may not")
            await asyncio.gather(*(rm.open_for_work() for rm in self._manager.resources))
            await asyncio.sleep(SCAN_EVERY_S)
