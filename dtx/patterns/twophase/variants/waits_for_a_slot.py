"""Broken: PREPARE's error that all slots for prepared transactions are taken is answered by doing the work anew, without end.

The others have voted, and wait for a vote that comes when somebody else (prices.py) gives a slot back: maybe never.
"""

import asyncio
import os
from dataclasses import replace

from psycopg import errors

from dtx.patterns.common.narration import tell
from dtx.patterns.twophase import order
from dtx.patterns.twophase.identity import Xid
from dtx.patterns.twophase.order import Order
from dtx.patterns.twophase.postgres import PostgresResource
from dtx.patterns.twophase.resource import Branch, ResourceError, Vote
from dtx.patterns.twophase.tm import Resources, serve_orders
from dtx.patterns.twophase.variants.wrapped_branch import WrappedBranch

AGAIN_AFTER_S = 0.2


class PersistentBranch(WrappedBranch):
    """Votes No for every reason but one."""

    def __init__(self, inventory: "FullInventory", branch: Branch, work: Order) -> None:
        super().__init__(branch)
        self._inventory = inventory
        self._work = work

    async def prepare(self) -> Vote:
        """Prepare; the server has rolled the work back where there was no slot, so it is done anew."""
        while True:
            try:
                return await super().prepare()
            except ResourceError as error:
                if not isinstance(error.__cause__, errors.OutOfMemory):
                    raise
            tell(self.id.xid.tx, "inventory has no slot for another prepared transaction: again")
            await asyncio.sleep(AGAIN_AFTER_S)
            self.branch = await self._inventory.begin_once(self.id.xid, self._work)


class FullInventory(PostgresResource[Order]):
    """Takes 'full' for 'not yet'."""

    async def begin_once(self, xid: Xid, work: Order) -> Branch:
        """Begin a branch that votes as any other."""
        return await super().begin(xid, work)

    async def begin(self, xid: Xid, work: Order, *, alone: bool = False) -> Branch:
        """Begin a branch that votes until there is a slot."""
        return PersistentBranch(self, await super().begin(xid, work, alone=alone), work)


def main() -> None:
    """Run the worker."""
    inventory = FullInventory(
        "inventory", os.environ["INVENTORY_URL"], order.reserve, marker=order.RESERVED
    )
    serve_orders(resources=replace(Resources.from_environment(), inventory=inventory))


if __name__ == "__main__":
    main()
