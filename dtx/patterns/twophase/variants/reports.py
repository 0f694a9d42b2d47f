"""A stranger at inventory: a job that reports on new reservations, in a two-phase commit of its own.

No part of the shop: its branches are named as it likes, are prepared for some seconds, and it ends them all itself. It works
only as long as new reservations come.
"""

import asyncio
import logging
import os
import uuid

import psycopg
from psycopg import sql

from dtx.patterns.common.background import Background
from dtx.patterns.common.database import Database
from dtx.patterns.common.service import serve

PREPARED_FOR_S = 4.0
LOOKS_EVERY_S = 0.2

_logger = logging.getLogger(__name__)


class Reports(Background):
    """One report after another."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reported = 0

    async def run(self) -> None:
        """Report for ever, on what is new."""
        while True:
            try:
                [[reservations]] = await self._database.fetch("select count(*) from reservations")
                if reservations > self._reported:
                    await self._report()
                    self._reported = reservations
            except psycopg.Error as error:
                _logger.warning("no report now: %s", error)
            await asyncio.sleep(LOOKS_EVERY_S)

    async def _report(self) -> None:
        name = sql.Literal(f"report_{uuid.uuid4().hex}")
        async with self._database.connection() as connection:
            await connection.execute("begin")
            await connection.execute("select count(*) from reservations")
            await connection.execute(sql.SQL("prepare transaction {}").format(name))
        await asyncio.sleep(PREPARED_FOR_S)
        async with self._database.connection() as connection:
            await connection.execute(sql.SQL("commit prepared {}").format(name))


def main() -> None:
    """Run the worker."""
    database = Database(os.environ["INVENTORY_URL"])
    serve(database, [], Reports(database))


if __name__ == "__main__":
    main()
