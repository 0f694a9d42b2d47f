"""Broken: what was done is forgotten sooner than the last repeat may come (S11: the dedupe window is too short)."""

import asyncio
import logging
import os

import psycopg

from dtx.patterns.common.background import Background
from dtx.patterns.common.barrier import Barrier
from dtx.patterns.common.database import Database
from dtx.patterns.common.service import serve
from dtx.patterns.saga.payments import Payments, routes

KEPT_S = 0.7
"""A caller asks again after a second without answer."""

_EVERY_S = 0.1
_PURGE = """
    with purged as (
        delete from barrier
        where pg_xact_commit_timestamp(xmin) < clock_timestamp() - %(kept_s)s * interval '1 second'
        returning tx
    )
    delete from payments using purged where payments.tx = purged.tx
"""

_logger = logging.getLogger(__name__)


class Housekeeping(Background):
    """Removes the keys of old transactions, and the payments that they were for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """Purge for ever."""
        while True:
            try:
                await self._database.execute(_PURGE, {"kept_s": KEPT_S})
            except psycopg.Error as error:
                _logger.warning("old keys can't be removed now: %s", error)
            await asyncio.sleep(_EVERY_S)


def main() -> None:
    """Run the worker."""
    database = Database(os.environ["DATABASE_URL"])
    serve(database, routes(Payments(Barrier(database))), Housekeeping(database))


if __name__ == "__main__":
    main()
