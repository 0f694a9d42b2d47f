"""The lease: which manager of a group leads, that is takes new transactions and recovers, and in which epoch.

One row, next to the decisions. Whoever finds it run out, by the database's clock, takes it and begins the next epoch;
epochs only grow. A lease alone does not fence anybody: who was stopped for longer than it lasts believes on waking
that he leads. So every attempt carries its epoch, and a decision counts only while that epoch is the row's
(decision_log.py). What the lease is for is that somebody leads, and as a rule only one.

A manager takes its own lease back at once after a restart: its earlier life is dead, or is fenced by the new epoch.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import LiteralString, Protocol

import psycopg

from dtx.patterns.common.background import Background
from dtx.patterns.common.database import Database

LEASE_S = 3.0
"""Longer than a busy machine keeps a process waiting; what a dead leader costs is this, and a scan of recovery."""

RENEWALS = 6
"""So often a lease is renewed before it would run out."""

LOOK_EVERY_S = 0.25

STANDBY_WAITS_S = 10.0
"""So long a standby leaves a lease that nobody ever had to the others: longer than they take to start."""

_logger = logging.getLogger(__name__)


class NotLeadingError(Exception):
    """This manager does not lead, or not any more: another one may be asked."""


class Leading(Protocol):
    """Who leads."""

    @property
    def epoch(self) -> int | None:
        """The epoch in which this manager leads, as far as it knows; None if it does not."""

    async def leads(self) -> int:
        """Return the epoch as soon as this manager leads."""


class Lease(Background):
    """Takes the lease when it is to be had, and renews it.

    One that nobody ever had it leaves to others for `waits_first_s`.
    """

    def __init__(
        self,
        group: str,
        holder: str,
        database: Database,
        *,
        waits_first_s: float = 0.0,
        lease_s: float = LEASE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._parameters = {"tm_group": group, "holder": holder, "lease_s": lease_s}
        self._database = database
        self._lease_s = lease_s
        self._clock = clock
        self._claims_first_at_s = clock() + waits_first_s
        self._epoch: int | None = None
        self._held_until_s = 0.0
        self._held = asyncio.Event()
        self.is_known = False
        """Whether it was ever found out who leads: before that there is nothing to say to anybody."""

    @property
    def epoch(self) -> int | None:
        """The epoch in which we lead; None if we do not, or can't know, since we could not renew in time."""
        return self._epoch if self._clock() < self._held_until_s else None

    async def leads(self) -> int:
        """Return the epoch as soon as we lead."""
        while (epoch := self.epoch) is None:
            self._held.clear()
            await self._held.wait()
        return epoch

    async def hold(self) -> None:
        """Renew the lease, or take it if it is to be had.

        Raises:
            psycopg.Error: the log can't be used; what we have runs out.
        """
        asked_at_s = self._clock()
        if self._epoch is not None and not await self._renewed(self._epoch):
            _logger.warning("the lease of epoch %d was taken over", self._epoch)
            self._epoch = None
        if self._epoch is None:
            self._epoch = await self._taken()
        if self._epoch is not None:
            # Counted from before the question: by our clock it runs out sooner than by the database's.
            self._held_until_s = asked_at_s + self._lease_s
            self._held.set()

    async def run(self) -> None:
        """Hold on to it for ever."""
        while True:
            try:
                await self.hold()
            except psycopg.Error as error:
                _logger.warning("the lease can't be renewed now: %s", error)
            await asyncio.sleep(LOOK_EVERY_S if self._epoch is None else self._lease_s / RENEWALS)

    async def _renewed(self, epoch: int) -> bool:
        return await self._database.execute(_RENEW, self._parameters | {"epoch": epoch}) == 1

    async def _taken(self) -> int | None:
        found = await self._database.fetch(_IS_TO_BE_HAD, self._parameters)
        is_to_be_had = found[0][0] if found else self._clock() >= self._claims_first_at_s
        taken = await self._database.fetch(_TAKE, self._parameters) if is_to_be_had else []
        self.is_known = self.is_known or bool(found or taken)
        if not taken:
            return None
        [[epoch]] = taken
        _logger.warning("leads in epoch %d", epoch)
        return int(epoch)


# Asked first: an insert that ends in a conflict locks the row even if its condition turns out false.
_IS_TO_BE_HAD: LiteralString = """
    select holder = %(holder)s or expires_at < clock_timestamp() from leases where tm_group = %(tm_group)s
"""

# Changes no column of a unique index, so that it does not wait for decisions, which lock the row's key. Not forced: a
# renewal that a crash takes back only ends sooner. One statement, so that a slow link costs one round trip.
_RENEW: LiteralString = """
    with unforced as (select set_config('synchronous_commit', 'off', true))
    update leases set expires_at = clock_timestamp() + %(lease_s)s * interval '1 second' from unforced
    where tm_group = %(tm_group)s and holder = %(holder)s and epoch = %(epoch)s
"""

# Changes the epoch, which is in a unique index: waits until every decision that is being written is.
_TAKE: LiteralString = """
    insert into leases (tm_group, holder, epoch, expires_at)
    values (%(tm_group)s, %(holder)s, 1, clock_timestamp() + %(lease_s)s * interval '1 second')
    on conflict (tm_group) do update
    set holder = excluded.holder, epoch = leases.epoch + 1, expires_at = excluded.expires_at
    where leases.holder = excluded.holder or leases.expires_at < clock_timestamp()
    returning epoch
"""
