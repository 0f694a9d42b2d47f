"""Broken: a lease says who coordinates, but nothing fences one that was stopped for longer than its lease.

The leader renews its lease; a standby takes it over when it has run out, and takes up what is unfinished. A leader
that comes back goes on with what it had in hand: it never looks at the lease again, and the log takes every state.
"""

import asyncio
import logging
import os
from typing import LiteralString, Self

import psycopg

from dtx.patterns.common.asking import Asker
from dtx.patterns.common.background import Background
from dtx.patterns.common.database import Database
from dtx.patterns.common.recovery import Recovering
from dtx.patterns.common.remote import Remote
from dtx.patterns.common.service import serve
from dtx.patterns.saga.coordinator import Coordinator
from dtx.patterns.saga.face import routes
from dtx.patterns.saga.order_saga import ORDER_SAGA
from dtx.patterns.saga.orders import own_database, participants
from dtx.patterns.saga.variants.blind_log import blind_log

LEASE_S = 1.2
_EVERY_S = 0.2

_TABLE = "create table if not exists leases (name text primary key, owner text, until timestamptz)"
_RENEW = """
    insert into leases (name, owner, until)
    values ('coordinator', %(me)s, clock_timestamp() + %(lease_s)s * interval '1 second')
    on conflict (name) do update set until = excluded.until where leases.owner = excluded.owner
"""
_TAKE_OVER = """
    update leases set owner = %(me)s, until = clock_timestamp() + %(lease_s)s * interval '1 second'
    where owner = %(me)s or until < clock_timestamp()
"""

_logger = logging.getLogger(__name__)


class LeasedRecovery(Background):
    """Renews the lease, or takes it over as a standby, and recovers while it has it."""

    def __init__(
        self, coordinator: Recovering, database: Database, *, me: str, is_standby: bool
    ) -> None:
        self._coordinator = coordinator
        self._database = database
        self._parameters = {"me": me, "lease_s": LEASE_S}
        self._statement: LiteralString = _TAKE_OVER if is_standby else _RENEW

    async def __aenter__(self) -> Self:
        """Make the table of leases, and begin."""
        await self._database.execute(_TABLE)
        return await super().__aenter__()

    async def run(self) -> None:
        """Lead, or wait to, for ever."""
        while True:
            try:
                if await self._database.execute(self._statement, self._parameters):
                    await self._coordinator.recover()
            except psycopg.Error as error:
                _logger.warning("the lease can't be renewed now: %s", error)
            await asyncio.sleep(_EVERY_S)


def main() -> None:
    """Run the worker, as leader or as standby."""
    database = own_database()
    remote = Remote()
    log = blind_log(ORDER_SAGA, database)
    coordinator = Coordinator(ORDER_SAGA, log, Asker(participants(remote)))
    recovery = LeasedRecovery(
        coordinator, database, me=os.environ["NAME"], is_standby="STANDBY" in os.environ
    )
    serve(database, routes(ORDER_SAGA, coordinator, database), remote, coordinator, recovery)


if __name__ == "__main__":
    main()
