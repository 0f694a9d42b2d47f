"""Broken: a refund sets the account back to what it was before the debit, whatever others did to it since."""

import os
from types import TracebackType
from typing import Self

from dtx.patterns.common.barrier import Answer, Barrier
from dtx.patterns.common.database import Connection, Database
from dtx.patterns.common.narration import tell
from dtx.patterns.common.service import serve
from dtx.patterns.saga.payments import Debit, Payments, routes

_TABLE = "create table if not exists before_images (tx text primary key, customer text, balance bigint, captured bigint)"
_KEEP = """
    insert into before_images (tx, customer, balance, captured)
    select %s, customer, balance, captured from accounts where customer = %s for update
"""
_RESTORE = """
    update accounts set balance = b.balance, captured = b.captured
    from before_images b join accounts now using (customer)
    where b.tx = %s and accounts.customer = b.customer
    returning b.customer, now.balance, b.balance
"""


class ImagePayments(Payments):
    """Remembers the whole account at each debit, and puts that image back."""

    async def capture(self, connection: Connection, order: Debit) -> Answer:
        """Keep the image, take the money."""
        await connection.execute(_KEEP, (order.tx, order.customer))
        return await super().capture(connection, order)

    async def give_back(self, connection: Connection, tx: str) -> None:
        """Note the refund as ever, but leave the account as it was before this debit."""
        await super().give_back(connection, tx)
        cursor = await connection.execute(_RESTORE, (tx,))
        for customer, right, restored in await cursor.fetchall():
            tell(tx, f"balance of {customer} set back to {restored}; {right} would have been right")


class ImageTable:
    """The table of images, made when the worker starts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __aenter__(self) -> Self:
        """Make it."""
        await self._database.execute(_TABLE)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """It stays."""


def main() -> None:
    """Run the worker."""
    database = Database(os.environ["DATABASE_URL"])
    serve(database, routes(ImagePayments(Barrier(database))), ImageTable(database))


if __name__ == "__main__":
    main()
