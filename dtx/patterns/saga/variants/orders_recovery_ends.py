"""Broken: an error that would pass ends recovery in silence, and sagas stay open for ever (S9).

Recovery is the business of a worker of its own here ($RECOVERS): it can fail first and be needed afterwards. In a
coordinator that recovers by itself, the restart that makes it needed would begin it anew.
"""

import asyncio
import contextlib
import logging
import os

import psycopg

from dtx.patterns.common.asking import Asker
from dtx.patterns.common.background import Background
from dtx.patterns.common.narration import tell
from dtx.patterns.common.recovery import SCAN_EVERY_S
from dtx.patterns.common.remote import Remote
from dtx.patterns.common.service import serve
from dtx.patterns.saga.coordinator import Coordinator, Logging
from dtx.patterns.saga.face import routes
from dtx.patterns.saga.order_saga import ORDER_SAGA, Order
from dtx.patterns.saga.orders import own_database, participants
from dtx.patterns.saga.saga_log import Saga, SagaLog
from dtx.patterns.saga.variants.aged import AgedStatements

_logger = logging.getLogger(__name__)


class FragileRecovery(Background):
    """Scans as the reference does, until the first error; then only says whom it left, for whoever reads the story."""

    def __init__(self, coordinator: Coordinator[Order], log: Logging[Order]) -> None:
        self._coordinator = coordinator
        self._log = log

    async def run(self) -> None:
        """Scan until it fails."""
        error = await self._failure()
        _logger.warning("unfinished sagas can't be read: %s", error)
        for saga in await self._left():
            tell(
                saga.tx,
                f"left in state {saga.state}: recovery met one {type(error).__name__} and ended; nobody takes it up",
            )

    async def _failure(self) -> psycopg.Error:
        while True:
            try:
                await self._coordinator.recover()
            except psycopg.Error as error:
                return error
            await asyncio.sleep(SCAN_EVERY_S)

    async def _left(self) -> list[Saga[Order]]:
        while True:
            with contextlib.suppress(psycopg.Error):
                if left := await self._coordinator.without_runner(self._log.unfinished):
                    return left
            await asyncio.sleep(SCAN_EVERY_S)


def main() -> None:
    """Run the worker that takes orders, or the one that recovers."""
    database = own_database()
    remote = Remote()
    log = SagaLog(ORDER_SAGA, database, statements=AgedStatements(ORDER_SAGA))
    coordinator = Coordinator(ORDER_SAGA, log, Asker(participants(remote)))
    face = routes(ORDER_SAGA, coordinator, database)
    recovery = [FragileRecovery(coordinator, log)] if "RECOVERS" in os.environ else []
    serve(database, face, remote, coordinator, *recovery)


if __name__ == "__main__":
    main()
