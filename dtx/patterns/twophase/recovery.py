"""Recovery: ends what is prepared and has nobody who ends it, from the log and the catalogues alone.

Now, and every second. For each prepared branch of our group that is not under way here:

- the log has a record: commit, or roll back, as it says;
- it has none, and the branch was seen before and is old enough not to be somebody's live work: write an abort record
  by compare-and-set first, then do what counts. The manager that prepared it may only be slow: then its commit loses
  to our record, or our record to its commit.

And for each committed transaction that is not forgotten: once it has no prepared branch anywhere and every
participant has its marker row, it is forgotten; if a marker is missing, somebody else ended a branch, and an
operator is shown it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import psycopg

from dtx.patterns.common.background import Background
from dtx.patterns.common.narration import tell
from dtx.patterns.twophase.decision_log import Record
from dtx.patterns.twophase.identity import BranchId, Xid
from dtx.patterns.twophase.resource import Decision, ResourceError, ResourceManager, Settled
from dtx.patterns.twophase.transaction_manager import Logging, TransactionManager

W = TypeVar("W")

SCAN_EVERY_S = 1.0

ABANDONED_AFTER_S = 3.0
"""A branch without a decision is somebody's live work until it was seen for so long: more than work and votes may take."""

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

    async def scan(self) -> None:
        """Look once, and end what can be ended.

        Raises:
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
            if branch.xid not in running
        ]
        await self._end(orphans)
        if len(found) == len(self._manager.resources):
            open_ones = {branch.xid for branches in found.values() for branch in branches}
            done = [xid for xid in unforgotten if xid not in open_ones | running]
            await asyncio.gather(*(self._forget(xid) for xid in done))

    async def undecided(self, xid: Xid) -> Record | None:
        """Return what counts for an attempt that the log does not know; None if it may still be live."""
        first_seen_s = self._first_seen_s.setdefault(xid, self._clock())
        age_s = self._clock() - first_seen_s
        if age_s < self._abandoned_after_s:
            return None
        record = await self.log.decide(xid, Decision.ABORT)
        tell(xid.tx, f"in doubt for {age_s:.1f} s without a decision: {record.of(xid)}")
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

    async def _end(self, orphans: list[tuple[ResourceManager[W], BranchId]]) -> None:
        xids = {branch.xid for _, branch in orphans}
        self._first_seen_s = {x: at for x, at in self._first_seen_s.items() if x in xids}
        records = await self.log.read({xid.tx for xid in xids}) if xids else {}
        decisions: dict[Xid, Decision] = {}
        for xid in sorted(xids, key=str):
            record = records.get(xid.tx) or await self.undecided(xid)
            if record is not None:
                decisions[xid] = record.of(xid)
        await asyncio.gather(
            *(
                self._settle(rm, branch, decisions[branch.xid])
                for rm, branch in orphans
                if branch.xid in decisions
            )
        )

    async def _settle(self, rm: ResourceManager[W], branch: BranchId, decision: Decision) -> None:
        try:
            settled = await rm.settle(branch, decision)
        except ResourceError as error:
            tell(branch.xid.tx, f"still in doubt: {error}")
            return
        if settled is Settled.DONE:
            tell(branch.xid.tx, f"recovered at {rm.name}: {decision}")

    async def _forget(self, xid: Xid) -> None:
        try:
            missing = await self._without_marker(xid.tx)
        except ResourceError as error:
            tell(xid.tx, f"can't be forgotten yet: {error}")
            return
        if missing:
            tell(xid.tx, f"committed, but ended by somebody else at {', '.join(missing)}")
            await self.log.mark_stuck(xid)
        else:
            await self.log.forget(xid)
            tell(xid.tx, "committed everywhere, by recovery")

    async def _without_marker(self, tx: str) -> list[str]:
        resources: Iterable[ResourceManager[W]] = self._manager.resources
        return [rm.name for rm in resources if not await rm.has_marker(tx)]

    async def run(self) -> None:
        """Scan for ever."""
        while True:
            try:
                await self.scan()
            except psycopg.Error as error:
                _logger.warning("the decision log can't be used now: %s", error)
            except Exception:
                _logger.exception("a scan failed by a defect; the next one may not")
            await asyncio.sleep(SCAN_EVERY_S)
