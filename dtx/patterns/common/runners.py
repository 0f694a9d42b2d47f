"""One runner for each transaction that is under way here, which takes it from its committed state to its end."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from dtx.patterns.common.narration import tell

_logger = logging.getLogger(__name__)


class Stateful(Protocol):
    """A transaction as it was committed last."""

    @property
    def tx(self) -> str:
        """The transaction's id."""

    @property
    def state(self) -> str:
        """Where it stands."""


T = TypeVar("T", bound=Stateful)

Unfinished = Callable[[], Awaitable[Sequence[T]]]
"""Reads from the log what has not ended."""


class Runners(ABC, Generic[T]):
    """Runs `run` once at a time for each transaction; an async context manager that ends its runners."""

    def __init__(self) -> None:
        self._runners: dict[str, asyncio.Task[T]] = {}

    @abstractmethod
    async def run(self, transaction: T) -> T:
        """Take the transaction to its end and return it; a passing error never ends it."""

    async def __aenter__(self) -> Self:
        """Begin with nothing; `take_up` finds what is unfinished."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop where we are: what matters is committed, and the next start goes on from there."""
        for runner in self._runners.values():
            runner.cancel()

    def runner_of(self, transaction: T) -> "asyncio.Task[T]":
        """Return the one runner of this transaction, begun now if there is none."""
        runner = self._runners.get(transaction.tx)
        if runner is None:
            runner = asyncio.create_task(self.run(transaction))
            self._runners[transaction.tx] = runner
            runner.add_done_callback(lambda done: self._forget(transaction.tx, done))
        return runner

    async def take_up(self, unfinished: Unfinished[T]) -> None:
        """Begin a runner for every unfinished transaction that has none here.

        Raises:
            Exception: what `unfinished` raises.
        """
        for transaction in await self.without_runner(unfinished):
            tell(transaction.tx, f"found unfinished in state {transaction.state}, taken up")
            self.runner_of(transaction)

    async def without_runner(self, unfinished: Unfinished[T]) -> list[T]:
        """Return every unfinished transaction that has no runner here.

        Raises:
            Exception: what `unfinished` raises.
        """
        # Those that run now may end before we have the answer, which would then be about the past.
        running = set(self._runners)
        found = await unfinished()
        running |= self._runners.keys()
        return [each for each in found if each.tx not in running]

    def _forget(self, tx: str, runner: "asyncio.Task[T]") -> None:
        del self._runners[tx]
        if not runner.cancelled() and (error := runner.exception()) is not None:
            _logger.error("%s failed by a defect; it is taken up again", tx, exc_info=error)
