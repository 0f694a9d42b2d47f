"""What a resource manager must be able to do to take part in a vote."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from enum import StrEnum
from itertools import islice
from math import ceil
from typing import Protocol, TypeAlias, TypeVar

from dtx.patterns.twophase.identity import BranchId, Xid

W_contra = TypeVar("W_contra", contravariant=True)

SETTLED_AT_ONCE = 8
"""So many branches at most are ended at once at each resource manager: all its connections for this, and no queue for them."""

AT_A_STRETCH = 16
"""So many branches at most are ended in a session before it is given back: to lend it, or to change threads, costs more than a call."""


class Decision(StrEnum):
    """How a transaction ends, everywhere."""

    COMMIT = "commit"
    ABORT = "abort"


class Vote(StrEnum):
    """What a branch says when it is asked; a No is an error."""

    YES = "yes"
    """It is prepared: it can be committed whatever happens, and waits for the decision."""
    READ_ONLY = "read-only"
    """It wrote nothing, has ended, and takes no part in phase two."""


class Settled(StrEnum):
    """What was found when a branch was to be ended as decided."""

    DONE = "done"
    """It ended so, now or before."""
    MISSING = "missing"
    """It should be committed, but is neither prepared nor in the data: somebody else ended it. For an operator."""


class RefusedError(Exception):
    """A branch can't be done for a reason of business: a No that a retry would get again."""


class ResourceError(Exception):
    """The resource manager failed or did not answer; the outcome of what was asked is unknown."""


class DeniedError(ResourceError):
    """The resource manager answered that it will not, or not now: nothing was done, and no time-out went by."""


Ending: TypeAlias = tuple[BranchId, Decision]

NoteEnding: TypeAlias = Callable[[BranchId, Decision, Settled | ResourceError], None]
"""Is told of each ending what came of it."""


class Branch(Protocol):
    """The work of one transaction at one resource manager, done and not yet prepared.

    Exactly one of `commit`, `commit_alone` and `roll_back` is called at the end, `prepare` before `commit` or
    `roll_back` at most once; none after a vote that is read-only.
    """

    @property
    def id(self) -> BranchId:
        """Its name."""

    async def prepare(self) -> Vote:
        """Vote.

        Raises:
            RefusedError: the vote is No.
            ResourceError: the vote is unknown; it may be prepared, or become so later.
        """

    async def commit(self) -> None:
        """Commit what was prepared.

        Raises:
            ResourceError: the outcome is unknown; `settle` finds it out.
        """

    async def commit_alone(self) -> None:
        """Commit the only branch of a transaction, which was begun as such, without a vote: in one phase.

        Raises:
            RefusedError: it can't be; nothing is left.
            ResourceError: the outcome is unknown; `decided_alone` finds it out.
        """

    async def roll_back(self) -> None:
        """Undo everything, prepared or not.

        Raises:
            ResourceError: it may still be prepared; recovery finds it.
        """


class ResourceManager(Protocol[W_contra]):
    """A database that takes part. What it is asked to do is of type W."""

    @property
    def name(self) -> str:
        """The name that logs and branches give it."""

    async def open_for_work(self) -> None:
        """Open what new work needs, unless it is open; `begin` does so too. Not before: it slows recovery down."""

    async def begin(self, xid: Xid, work: W_contra, *, alone: bool = False) -> Branch:
        """Begin a branch and do its work; `alone` if it is the only one, to be ended by `commit_alone`.

        The decision about such a transaction is where its work is: a row, written with it.

        Raises:
            RefusedError: it can't be done; nothing is left.
            ResourceError: it failed; nothing is left, or nothing will be when the server notices.
        """

    async def in_doubt(self, group: str) -> list[BranchId]:
        """Return the prepared branches of a group, from the server's own catalogue.

        Raises:
            ResourceError: it can't be asked.
        """

    async def settle(self, branch: BranchId, decision: Decision) -> Settled:
        """End a branch that may be prepared, from a connection that has nothing to do with its work.

        An error such as "no such branch" tells no outcome: the branch's marker row, written by the transaction
        that did the work, does.

        Raises:
            DeniedError: the branch is there, and can't be ended by us, or not yet.
            ResourceError: not yet; to be tried again.
        """

    async def settle_all(self, endings: Sequence[Ending], note: NoteEnding) -> None:
        """Settle many, several at a time, in their order; after some without an answer the rest is left out.

        A thousand time-outs would take minutes: who asks again puts those that failed behind the others.
        """

    async def decided_alone(self, tx: str) -> Decision:
        """Return how a transaction ended whose only branch was here; one that has not committed never will.

        Raises:
            ResourceError: it can't be found out now.
        """

    async def have_marker(self, txs: Collection[str]) -> set[str]:
        """Return those of the transactions whose marker row is here: their work is committed.

        Raises:
            ResourceError: it can't be asked.
        """


async def settle_in_stretches(
    settle_stretch: Callable[[Sequence[Ending]], Awaitable[Sequence[Settled | ResourceError]]],
    endings: Sequence[Ending],
    note: NoteEnding,
) -> None:
    """Settle some after another in each of several sessions, as `ResourceManager.settle_all` says.

    `settle_stretch` returns what came of each, as far as it got: as the first without an answer, or the time of its session.
    """
    ahead = iter(endings)
    size = min(AT_A_STRETCH, ceil(len(endings) / SETTLED_AT_ONCE))

    async def until_no_answer() -> None:
        left: Sequence[Ending] = ()
        while stretch := left or list(islice(ahead, size)):
            found = await settle_stretch(stretch)
            for (branch, decision), settled in zip(stretch, found, strict=False):
                note(branch, decision, settled)
            left = stretch[len(found) :]
            if not isinstance(found[-1], Settled | DeniedError):
                return

    await asyncio.gather(*(until_no_answer() for _ in range(SETTLED_AT_ONCE)))
