"""Group commit: what many ask for while one forced write is under way goes into the next one together.

A forced write costs the same for one decision and for a hundred, so the rate of decisions is not bounded by the rate
of forced writes. One write is under way at a time; nobody waits for company.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Generic, Self, TypeVar

import psycopg

T = TypeVar("T")
R = TypeVar("R")

_logger = logging.getLogger(__name__)


class GroupCommit(Generic[T, R]):
    """Writes what is submitted, in groups; an async context manager. `write` gives a result for each, in order."""

    def __init__(self, write: Callable[[Sequence[T]], Awaitable[Sequence[R]]]) -> None:
        self._write = write
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._wake = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to write."""
        self._writer = asyncio.create_task(self._write_for_ever())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop; what was not written is nobody's knowledge yet."""
        if self._writer is not None:
            self._writer.cancel()

    async def submit(self, item: T) -> R:
        """Return the result once it is written.

        Raises:
            psycopg.Error: unknown whether it was written.
        """
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._wake.set()
        return await future

    async def _write_for_ever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            group, self._waiting = self._waiting, []
            try:
                results = await self._write([item for item, _ in group])
            except Exception as error:
                # Also a defect: it is told to these, and the next ones are written.
                if not isinstance(error, psycopg.Error):
                    _logger.exception("a group was not written, by a defect")
                for _, future in group:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), result in zip(group, results, strict=True):
                if not future.done():
                    future.set_result(result)
