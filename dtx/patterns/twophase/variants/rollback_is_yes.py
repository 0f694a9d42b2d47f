"""Broken: inventory's PREPARE that raises nothing is taken for a Yes, whatever it answers.

The work at inventory met an error, wrote a warning, and went on. By then its transaction has failed, and
`PREPARE TRANSACTION` in a failed transaction is no error: it rolls back, and answers ROLLBACK. The others commit.
"""

import os
from dataclasses import replace

import psycopg

from dtx.patterns.common.database import Connection
from dtx.patterns.common.narration import tell
from dtx.patterns.twophase import order
from dtx.patterns.twophase.identity import Xid
from dtx.patterns.twophase.order import Order
from dtx.patterns.twophase.postgres import PostgresResource
from dtx.patterns.twophase.resource import Branch, ResourceError, Vote
from dtx.patterns.twophase.tm import Resources, serve_orders
from dtx.patterns.twophase.variants.wrapped_branch import WrappedBranch

LOCK_WITHIN_S = 0.7
"""Well within the deadline of work and vote, and longer than orders keep each other waiting."""


async def reserve_if_possible(connection: Connection, work: Order) -> None:
    """Take the stock; what goes wrong is written down, not raised."""
    try:
        await order.reserve(connection, work)
    except psycopg.Error as error:
        tell(work.tx, f"inventory: {type(error).__name__} while taking stock; the order goes on")


class UncheckedBranch(WrappedBranch):
    """Asks whether PREPARE raised an error, and not for its command tag."""

    async def prepare(self) -> Vote:
        """Take every answer of the server but an error for a Yes."""
        try:
            return await super().prepare()
        except ResourceError as error:
            if error.__cause__ is not None:  # an error of the server's, or none of its answers
                raise
            tell(self.id.xid.tx, f"{error} to PREPARE TRANSACTION: taken for a Yes")
            return Vote.YES


class LenientInventory(PostgresResource[Order]):
    """Goes on after an error."""

    async def begin(self, xid: Xid, work: Order, *, alone: bool = False) -> Branch:
        """Begin a branch that votes Yes."""
        return UncheckedBranch(await super().begin(xid, work, alone=alone))


def main() -> None:
    """Run the worker."""
    inventory = LenientInventory(
        "inventory", os.environ["INVENTORY_URL"], reserve_if_possible, marker=order.RESERVED,
        lock_within_s=LOCK_WITHIN_S,
    )  # fmt: skip
    serve_orders(resources=replace(Resources.from_environment(), inventory=inventory))


if __name__ == "__main__":
    main()
