"""Broken: recovery ends, for good, at a prepared branch whose name it can't read.

The branch belongs to somebody else (reports.py), who has every right to it, and is gone after some seconds. The scan that met it
has failed, and whoever schedules scans drops one that failed, as Java's scheduled executors do.
"""

import asyncio
import os
from contextlib import suppress
from dataclasses import replace

import psycopg

from dtx.patterns.common.narration import tell
from dtx.patterns.twophase import order
from dtx.patterns.twophase.identity import BranchId, Xid
from dtx.patterns.twophase.lease import NotLeadingError
from dtx.patterns.twophase.order import Order
from dtx.patterns.twophase.postgres import PostgresResource
from dtx.patterns.twophase.recovery import SCAN_EVERY_S, Recovery
from dtx.patterns.twophase.tm import Resources, serve_orders


class StrictInventory(PostgresResource[Order]):
    """Knows one kind of name."""

    async def in_doubt(self, group: str) -> list[BranchId]:
        """Return the branches; raise ValueError if one is a stranger's."""
        ours = await super().in_doubt(group)
        for (gid,) in await self._settling.fetch("select gid from pg_prepared_xacts"):
            if Xid.parse(gid.removesuffix(f":{self.name}")) is None:
                for branch in ours:
                    tell(branch.xid.tx, f"recovery meets {gid!r} beside this branch: ends for good")
                raise ValueError(f"no name of a branch: {gid!r}")
        return ours


class FragileRecovery(Recovery[Order]):
    """Scans until a scan fails in a way that nobody thought of."""

    async def run(self) -> None:
        """Scan while we lead; only the errors that were thought of are passing ones."""
        while True:
            epoch = await self._manager.lead.leads()
            with suppress(NotLeadingError, psycopg.Error):
                await self.scan(epoch)
            await asyncio.sleep(SCAN_EVERY_S)


def main() -> None:
    """Run the worker."""
    inventory = StrictInventory(
        "inventory", os.environ["INVENTORY_URL"], order.reserve, marker=order.RESERVED
    )
    serve_orders(
        recovery_type=FragileRecovery,
        resources=replace(Resources.from_environment(), inventory=inventory),
    )


if __name__ == "__main__":
    main()
