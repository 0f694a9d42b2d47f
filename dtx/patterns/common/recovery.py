"""Takes up transactions that have not ended and that nobody runs: now, and every second."""

import asyncio
import logging
from typing import Protocol

import psycopg

from dtx.patterns.common.background import Background

SCAN_EVERY_S = 1.0
"""How often unfinished transactions are looked for that nobody here runs."""

_logger = logging.getLogger(__name__)


class Recovering(Protocol):
    """The coordinator."""

    async def recover(self) -> None:
        """Take up every unfinished transaction that has no runner here; may raise psycopg.Error."""


class Recovery(Background):
    """Recovers beside the service; a passing error does not end it."""

    def __init__(self, coordinator: Recovering) -> None:
        self._coordinator = coordinator

    async def run(self) -> None:
        """Scan for ever."""
        while True:
            try:
                await self._coordinator.recover()
            except psycopg.Error as error:
                _logger.warning("unfinished transactions can't be read now: %s", error)
            except Exception:
                _logger.exception("a scan failed by a defect; the next one may not")
            await asyncio.sleep(SCAN_EVERY_S)
