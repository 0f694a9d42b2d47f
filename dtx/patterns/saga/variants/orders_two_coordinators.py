"""Broken: a lease says who coordinates, but nothing fences one that was stopped for longer than its lease.

The leader renews its lease; a standby takes it over when it has run out, and takes up what is unfinished. A leader
that comes back goes on with what it had in hand: it never looks at the lease again, and the log takes every state.
"""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable
from typing import LiteralString, Self

import psycopg

from dtx.patterns.common.asking import Asker
from dtx.patterns.common.background import Background
from dtx.patterns.common.database import Database
from dtx.patterns.common.narration import tell
from dtx.patterns.common.recovery import Recovering
from dtx.patterns.common.runners import Unfinished
from dtx.patterns.common.service import serve
from dtx.patterns.saga.coordinator import Logging
from dtx.patterns.saga.definition import State
from dtx.patterns.saga.face import routes
from dtx.patterns.saga.order_saga import ORDER_SAGA, Order
from dtx.patterns.saga.orders import own_database
from dtx.patterns.saga.saga_log import Saga
from dtx.patterns.saga.variants.blind_log import blind_log
from dtx.patterns.saga.variants.patience import OnceCoordinator, patient_asker, patient_remote

LEASE_S = 2.5
"""Far longer than a renewal takes on a busy machine, shorter than a fault holds."""
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


class Lease:
    """The right to coordinate, and what this worker last heard of it."""

    def __init__(self, database: Database, *, me: str, is_standby: bool) -> None:
        self._database = database
        self._parameters = {"me": me, "lease_s": LEASE_S}
        self._statement: LiteralString = _TAKE_OVER if is_standby else _RENEW
        self._renewed_ns = time.monotonic_ns()
        self.is_standby = is_standby
        self.is_held = False

    @property
    def age_s(self) -> float:
        """For how long it has not been renewed from here."""
        return (time.monotonic_ns() - self._renewed_ns) / 1e9

    async def create(self) -> None:
        """Make the table of leases; only a leader does: of two who make a table at once, one fails."""
        if not self.is_standby:
            await self._database.execute(_TABLE)

    async def hold(self) -> None:
        """Renew it, or take it over as a standby, if it can be had."""
        began_ns = time.monotonic_ns()
        self.is_held = await self._database.execute(self._statement, self._parameters) > 0
        if self.is_held:
            self._renewed_ns = began_ns


class LeasedCoordinator(OnceCoordinator):
    """Looks at the lease only to say what it should have done, for whoever reads the story."""

    def __init__(self, log: Logging[Order], asker: Asker, lease: Lease) -> None:
        super().__init__(log, asker)
        self._lease = lease

    async def without_runner(self, unfinished: Unfinished[Saga[Order]]) -> list[Saga[Order]]:
        """Find them as ever."""
        found = await super().without_runner(unfinished)
        if self._lease.is_standby:
            for saga in found:
                tell(
                    saga.tx, "the other's lease ran out and is taken over; the other is not fenced"
                )
        return found

    async def move(self, saga: Saga[Order], new: State, why: str) -> Saga[Order]:
        """Move it as ever."""
        moved = await super().move(saga, new, why)
        # Looked at afterwards: it may have been stopped with the move under way.
        age_s = self._lease.age_s
        if age_s > LEASE_S:
            tell(
                saga.tx,
                f"set to {new} on a lease of {LEASE_S} s that was last renewed {age_s:.1f} s ago",
            )
        return moved


class LeasedRecovery(Background):
    """Renews the lease, or takes it over as a standby, and recovers while it has it."""

    def __init__(self, coordinator: Recovering, lease: Lease) -> None:
        self._coordinator = coordinator
        self._lease = lease

    async def __aenter__(self) -> Self:
        """Make the table of leases, and begin."""
        await self._lease.create()
        return await super().__aenter__()

    async def run(self) -> None:
        """Lead, or wait to, for ever; a recovery that takes long does not put off a renewal."""
        async with asyncio.TaskGroup() as both:
            both.create_task(_for_ever(self._lease.hold))
            both.create_task(_for_ever(self._recover))

    async def _recover(self) -> None:
        if self._lease.is_held:
            await self._coordinator.recover()


async def _for_ever(act: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await act()
        except psycopg.Error as error:
            _logger.warning("the database can't be used now: %s", error)
        await asyncio.sleep(_EVERY_S)


def main() -> None:
    """Run the worker, as leader or as standby."""
    database = own_database()
    remote = patient_remote()
    # On a connection of its own: a renewal does not wait behind sagas.
    for_lease = Database(os.environ["DATABASE_URL"], connections=1, ready=1)
    lease = Lease(for_lease, me=os.environ["NAME"], is_standby="STANDBY" in os.environ)
    log = blind_log(ORDER_SAGA, database)
    coordinator = LeasedCoordinator(log, patient_asker(remote), lease)
    face = routes(ORDER_SAGA, coordinator, database)
    serve(database, face, remote, coordinator, for_lease, LeasedRecovery(coordinator, lease))


if __name__ == "__main__":
    main()
