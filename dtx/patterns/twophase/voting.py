"""Phase one and phase two over the branches of one transaction, all branches of a phase at once."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from dtx.patterns.common.backoff import Backoff
from dtx.patterns.common.crash_points import crash_point
from dtx.patterns.common.narration import tell
from dtx.patterns.twophase.identity import Xid
from dtx.patterns.twophase.resource import (
    Branch,
    Decision,
    RefusedError,
    ResourceError,
    ResourceManager,
    Settled,
    Vote,
)

W = TypeVar("W")

STUCK_AFTER = 20
"""So many attempts at a branch in phase two, and an operator is shown the transaction; then it goes on."""

_logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Ballot(Generic[W]):
    """The branches of `xid` so far, each with its resource manager."""

    xid: Xid
    branches: list[tuple[ResourceManager[W], Branch]] = field(default_factory=list)

    @property
    def participants(self) -> tuple[str, ...]:
        """Whose branches there are; after `prepare`, who voted Yes."""
        return tuple(rm.name for rm, _ in self.branches)

    async def work(
        self,
        stages: Sequence[Sequence[ResourceManager[W]]],
        work: W,
        *,
        alone: bool = False,
    ) -> None:
        """Do the work, stage after stage. Locks that several transactions want are taken in the order of stages.

        `alone` if there is one branch, which will be ended by `commit_alone`.

        Raises:
            RefusedError, ResourceError: a branch could not do it.
        """
        for stage in stages:
            begun = await asyncio.gather(
                *(rm.begin(self.xid, work, alone=alone) for rm in stage), return_exceptions=True
            )
            for rm, branch in zip(stage, begun, strict=True):
                if not isinstance(branch, BaseException):
                    self.branches.append((rm, branch))
            _raise_first([found for found in begun if isinstance(found, BaseException)])

    async def prepare(self) -> None:
        """Ask all to vote, at once; each answers or fails within its deadline. Who only read is no participant then.

        Raises:
            RefusedError, ResourceError: not all votes are Yes.
        """
        tx = self.xid.tx
        crash_point("before-prepare", tx)
        only_read: list[Branch] = []

        async def one(rm: ResourceManager[W], branch: Branch) -> None:
            if await branch.prepare() is Vote.READ_ONLY:
                tell(tx, f"{rm.name} only read: its vote is read-only")
                only_read.append(branch)

        try:
            await self._all("after-prepare-one", one)
        finally:
            self.branches = [
                (rm, branch) for rm, branch in self.branches if branch not in only_read
            ]
        crash_point("after-prepare-all", tx)

    async def commit_alone(self) -> None:
        """Commit the only branch, in one phase.

        Raises:
            RefusedError, ResourceError: it is not known to be committed.
        """
        [(_, branch)] = self.branches
        await branch.commit_alone()

    async def commit(self, stuck: Callable[[Xid], Awaitable[None]], backoff: Backoff) -> None:
        """Commit all branches, however long that takes. Called once the decision is in the log."""

        async def one(rm: ResourceManager[W], branch: Branch) -> None:
            await commit_for_ever(rm, branch, stuck, backoff)

        await self._all("after-commit-one", one)

    async def roll_back(self) -> None:
        """Undo all branches that can be reached now; recovery finds the others."""
        ended = await asyncio.gather(
            *(branch.roll_back() for _, branch in self.branches), return_exceptions=True
        )
        for error in ended:
            if isinstance(error, ResourceError):
                tell(self.xid.tx, f"left to recovery: {error}")
            elif isinstance(error, BaseException):
                _logger.error("%s: rollback failed by a defect", self.xid, exc_info=error)

    async def _all(
        self,
        first_done: str,
        step: Callable[[ResourceManager[W], Branch], Awaitable[None]],
    ) -> None:
        has_first = False

        async def one(rm: ResourceManager[W], branch: Branch) -> None:
            nonlocal has_first
            await step(rm, branch)
            if not has_first:
                has_first = True
                crash_point(first_done, self.xid.tx)

        # All are waited for, also when one has failed: nobody rolls back beside a vote that is under way.
        ended = await asyncio.gather(
            *(one(rm, branch) for rm, branch in self.branches), return_exceptions=True
        )
        _raise_first([error for error in ended if error is not None])


async def commit_for_ever(
    rm: ResourceManager[W],
    branch: Branch,
    stuck: Callable[[Xid], Awaitable[None]],
    backoff: Backoff,
) -> None:
    """Commit one branch: where it was prepared at first, then from wherever it can be reached, without end."""
    xid = branch.id.xid
    try:
        await branch.commit()
        return
    except ResourceError as error:
        tell(xid.tx, f"commit unknown, asked again: {error}")
    attempt = 1
    while True:
        await asyncio.sleep(backoff.pause_s(attempt))
        try:
            if await rm.settle(branch.id, Decision.COMMIT) is Settled.DONE:
                tell(xid.tx, f"{rm.name} committed at attempt {attempt + 1}")
                return
            tell(xid.tx, f"{rm.name} has neither the prepared branch nor its work")
        except ResourceError as error:
            tell(xid.tx, f"commit unknown at attempt {attempt + 1}: {error}")
        attempt += 1
        if attempt % STUCK_AFTER == 0:
            await stuck(xid)


def _raise_first(errors: Sequence[BaseException]) -> None:
    """Raise the error that says most, if there is one: a defect, else a refusal, else a failure."""
    if errors:
        raise min(errors, key=_rank)


def _rank(error: BaseException) -> int:
    if isinstance(error, ResourceError):
        return 2
    return 1 if isinstance(error, RefusedError) else 0
