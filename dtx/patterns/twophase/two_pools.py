"""What resource managers of all vendors share: connections for work, and others for ending what is prepared."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from dtx.patterns.twophase.identity import BranchId
from dtx.patterns.twophase.resource import (
    Decision,
    Ending,
    NoteEnding,
    ResourceError,
    Settled,
    settle_in_stretches,
)

P = TypeVar("P", bound=AbstractAsyncContextManager[Any])


class TwoPools(ABC, Generic[P]):
    """An async context manager over two pools P, apart so that no ending waits behind work that waits for its locks."""

    def __init__(self, *, working: P, settling: P) -> None:
        self._working = working
        self._settling = settling
        self._is_open_for_work = False

    async def __aenter__(self) -> Self:
        """Begin to connect, for ending what is left; for work later."""
        await self._settling.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close both."""
        await self._working.__aexit__(kind, error, traceback)
        await self._settling.__aexit__(kind, error, traceback)

    async def open_for_work(self) -> None:
        """Begin to connect for work, unless that was done."""
        if not self._is_open_for_work:
            self._is_open_for_work = True
            await self._working.__aenter__()

    async def settle(self, branch: BranchId, decision: Decision) -> Settled:
        """End a prepared branch, as `ResourceManager.settle` says."""
        settled, *_ = await self._settle_stretch([(branch, decision)])
        if isinstance(settled, ResourceError):
            raise settled
        return settled

    async def settle_all(self, endings: Sequence[Ending], note: NoteEnding) -> None:
        """Settle many, as `ResourceManager.settle_all` says."""
        await settle_in_stretches(self._settle_stretch, endings, note)

    @abstractmethod
    async def _settle_stretch(self, stretch: Sequence[Ending]) -> Sequence[Settled | ResourceError]:
        """Return what came of each, at least of one, as far as `settle_in_stretches` says."""
