"""Broken: confirm looks once more whether it may, and may say no (S18)."""

import os

from dtx.patterns.common.barrier import Answer, Barrier
from dtx.patterns.common.database import Connection, Database
from dtx.patterns.common.narration import tell
from dtx.patterns.tcc.definition import About
from dtx.patterns.tcc.participant import Participant, serve_participant
from dtx.patterns.tcc.payments import PAYMENTS, Payment

_IS_OLD = """
    select 1 from reservations where tx = %(tx)s and since < clock_timestamp() - interval '3.5 seconds'
"""


class DoubtfulPayments(Participant[Payment]):
    """Does not take money on a reservation that it finds too old."""

    async def capture(self, connection: Connection, order: About) -> Answer:
        """Capture, unless it is too late for that."""
        cursor = await connection.execute(_IS_OLD, {"tx": order.tx})
        if await cursor.fetchone() is None:
            return await super().capture(connection, order)
        tell(order.tx, "confirm refused: the reservation is too old")
        return Answer.REFUSED


def main() -> None:
    """Run the worker."""
    database = Database(os.environ["DATABASE_URL"])
    serve_participant(database, DoubtfulPayments(Barrier(database), PAYMENTS))


if __name__ == "__main__":
    main()
