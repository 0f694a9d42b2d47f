"""Takes up sagas that have not ended and that nobody runs: now, and every second."""

import asyncio
import logging
from types import TracebackType
from typing import Protocol, Self

import psycopg

SCAN_EVERY_S = 1.0
"""How often unfinished sagas are looked for that nobody here runs."""

_logger = logging.getLogger(__name__)


class Recovering(Protocol):
    """The coordinator."""

    async def recover(self) -> None:
        """Take up every unfinished saga that has no runner here; may raise psycopg.Error."""


class Recovery:
    """Recovers for as long as this async context manager is entered; a passing error does not end it."""

    def __init__(self, coordinator: Recovering) -> None:
        self._coordinator = coordinator
        self._scans: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin, without waiting: the database may come up later than we do."""
        self._scans = asyncio.create_task(self._scan_for_ever())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        if self._scans is not None:
            self._scans.cancel()

    async def _scan_for_ever(self) -> None:
        while True:
            try:
                await self._coordinator.recover()
            except psycopg.Error as error:
                _logger.warning("unfinished sagas can't be read now: %s", error)
            await asyncio.sleep(SCAN_EVERY_S)
