"""An operator who rolls back by hand what has been in doubt at inventory for two seconds, since customers wait for its rows.

No part of the protocol: a heuristic decision, as X/Open XA calls it. He can't know what was decided.
"""

import asyncio
import logging
import os

import psycopg
from psycopg import sql

from dtx.patterns.common.background import Background
from dtx.patterns.common.database import Database
from dtx.patterns.common.narration import tell
from dtx.patterns.common.service import serve
from dtx.patterns.twophase.identity import Xid

LOOKS_EVERY_S = 0.2

_OLD = """
    select gid from pg_prepared_xacts
    where database = current_database() and prepared < clock_timestamp() - interval '2 seconds'
"""

_logger = logging.getLogger(__name__)


class Operator(Background):
    """Looks at one database, and ends what is old there."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                for (gid,) in await self._database.fetch(_OLD):
                    await self._roll_back(gid)
            except psycopg.Error as error:
                _logger.warning("not ended: %s", error)
            await asyncio.sleep(LOOKS_EVERY_S)

    async def _roll_back(self, gid: str) -> None:
        async with self._database.connection() as connection:
            await connection.execute(sql.SQL("rollback prepared {}").format(sql.Literal(gid)))
        if xid := Xid.parse(gid.rpartition(":")[0]):
            tell(
                xid.tx,
                "in doubt at inventory for two seconds: rolled back by hand, whatever was decided",
            )


def main() -> None:
    """Run the worker."""
    database = Database(os.environ["INVENTORY_URL"])
    serve(database, [], Operator(database))


if __name__ == "__main__":
    main()
