"""Broken: a try that failed half-way has left its mark, and its cancel sees nothing to cancel (S20)."""

import os

import msgspec

from dtx.patterns.common.barrier import Answer, Barrier, CompensationEffect
from dtx.patterns.common.crash_points import crash_point
from dtx.patterns.common.database import Connection, Database
from dtx.patterns.common.narration import tell
from dtx.patterns.tcc.participant import EXPIRES_AFTER_S, Participant, serve_participant
from dtx.patterns.tcc.payments import PAYMENTS, Payment

_KNOWN = "select 1 from barrier where tx = %(tx)s and step = 'try' and direction = 'action'"

_FREEZE = """
    update accounts set balance = balance - %(amount)s, frozen = frozen + %(amount)s
    where customer = %(customer)s and balance >= %(amount)s
"""

_WRITE_DOWN = """
    insert into reservations (tx, customer, amount, status, expires_at)
    values (
        %(tx)s, %(customer)s, %(amount)s, 'TRIED',
        clock_timestamp() + %(expires_after_s)s * interval '1 second'
    )
"""


class SkippingBarrier(Barrier):
    """Says when it skips a cancel."""

    async def never_came(
        self, connection: Connection, tx: str, step: str, effect: CompensationEffect
    ) -> Answer:
        """Skip the cancel, since no try is written down."""
        tell(tx, "no try is written down: cancel skipped")
        return await super().never_came(connection, tx, step, effect)


class TwoStepPayments(Participant[Payment]):
    """Freezes in one local transaction, and writes down that it did in the next."""

    def __init__(self, barrier: Barrier, database: Database) -> None:
        super().__init__(barrier, PAYMENTS)
        self._database = database
        self._frozen: set[str] = set()

    async def attempt(self, order: Payment) -> Answer:
        """Freeze unless the try is known, then write it down behind the barrier."""
        parameters = msgspec.structs.asdict(order)
        if not await self._database.fetch(_KNOWN, parameters):
            if await self._database.execute(_FREEZE, parameters) == 1:
                self._frozen.add(order.tx)
                tell(order.tx, f"{order.amount} frozen, not yet written down")
            crash_point("try-half-way", order.tx)
        return await super().attempt(order)

    async def reserve(self, connection: Connection, order: Payment) -> Answer:
        """Write down what is frozen."""
        if order.tx not in self._frozen:
            return Answer.REFUSED
        parameters = msgspec.structs.asdict(order) | {"expires_after_s": EXPIRES_AFTER_S}
        await connection.execute(_WRITE_DOWN, parameters)
        return Answer.DONE


def main() -> None:
    """Run the worker."""
    database = Database(os.environ["DATABASE_URL"])
    serve_participant(database, TwoStepPayments(SkippingBarrier(database), database))


if __name__ == "__main__":
    main()
