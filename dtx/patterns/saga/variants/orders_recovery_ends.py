"""Broken: an error that would pass ends recovery in silence, and sagas stay open for ever (S9)."""

import asyncio
import logging

import psycopg

from dtx.patterns.common.asking import Asker
from dtx.patterns.common.background import Background
from dtx.patterns.common.recovery import SCAN_EVERY_S, Recovering
from dtx.patterns.common.remote import Remote
from dtx.patterns.common.service import serve
from dtx.patterns.saga.coordinator import Coordinator
from dtx.patterns.saga.face import routes
from dtx.patterns.saga.order_saga import ORDER_SAGA
from dtx.patterns.saga.orders import own_database, participants
from dtx.patterns.saga.saga_log import SagaLog

_logger = logging.getLogger(__name__)


class FragileRecovery(Background):
    """Scans as the reference does, until the first error."""

    def __init__(self, coordinator: Recovering) -> None:
        self._coordinator = coordinator

    async def run(self) -> None:
        """Scan until it fails."""
        try:
            while True:
                await self._coordinator.recover()
                await asyncio.sleep(SCAN_EVERY_S)
        except psycopg.Error as error:
            _logger.warning("unfinished sagas can't be read: %s", error)


def main() -> None:
    """Run the worker."""
    database = own_database()
    remote = Remote()
    coordinator = Coordinator(
        ORDER_SAGA, SagaLog(ORDER_SAGA, database), Asker(participants(remote))
    )
    face = routes(ORDER_SAGA, coordinator, database)
    serve(database, face, remote, coordinator, FragileRecovery(coordinator))


if __name__ == "__main__":
    main()
