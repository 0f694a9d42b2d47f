"""A stranger on inventory's server: a job that changes prices, in another database and in a two-phase commit of its own.

No part of the shop. It prepares a change, and commits it as long as the queue is there to be told. While it is not, what is
prepared is left for somebody who never comes: orphans, as many as there are slots for prepared transactions.
"""

import asyncio
import logging
import os
import uuid
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from dtx.patterns.common.background import Background
from dtx.patterns.common.database import Database
from dtx.patterns.common.service import serve

CHANGES_AT_ONCE = 4
CHANGES_EVERY_S = 0.01
ASKS_EVERY_S = 0.1

_logger = logging.getLogger(__name__)


class Queue(Background):
    """Whether the queue answered when it was last asked."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.is_there = True

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            try:
                await self._database.fetch("select 1")
            except psycopg.Error as error:
                _logger.warning("the queue can't be told: %s", error)
                self.is_there = False
            else:
                self.is_there = True
            await asyncio.sleep(ASKS_EVERY_S)


class Prices(Background):
    """Some changes at once, again and again."""

    def __init__(self, database: Database, queue: Queue) -> None:
        self._database = database
        self._queue = queue

    async def run(self) -> None:
        """Change for ever."""
        await asyncio.gather(*(self._change_for_ever() for _ in range(CHANGES_AT_ONCE)))

    async def _change_for_ever(self) -> None:
        while True:
            try:
                await self._change(sql.Literal(f"price_{uuid.uuid4().hex}"))
            except psycopg.Error as error:
                _logger.warning("no change now: %s", error)
                await asyncio.sleep(ASKS_EVERY_S)
            await asyncio.sleep(CHANGES_EVERY_S)

    async def _change(self, name: sql.Literal) -> None:
        async with self._database.connection() as connection:
            await connection.execute("begin")
            await connection.execute(sql.SQL("prepare transaction {}").format(name))
            if self._queue.is_there:
                await connection.execute(sql.SQL("commit prepared {}").format(name))


def main() -> None:
    """Run the worker."""
    another = urlsplit(os.environ["INVENTORY_URL"])._replace(path="/postgres").geturl()
    database, queue = Database(another), Database(os.environ["QUEUE_URL"])
    asking = Queue(queue)
    serve(database, [], queue, asking, Prices(database, asking))


if __name__ == "__main__":
    main()
