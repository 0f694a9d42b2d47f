"""Broken: a debit that comes after its refund takes the money for good (S2: hanging)."""

import os

from dtx.patterns.common.barrier import Answer, Barrier, CompensationEffect
from dtx.patterns.common.database import Connection, Database
from dtx.patterns.common.narration import tell
from dtx.patterns.common.service import serve
from dtx.patterns.saga.payments import Payments, routes


class OpenBarrier(Barrier):
    """Knows that there was nothing to take back, but does not bar what may still be on its way."""

    async def never_came(
        self, connection: Connection, tx: str, step: str, effect: CompensationEffect
    ) -> Answer:
        """Leave the action's key free."""
        del effect
        await connection.execute(
            "delete from barrier where tx = %s and step = %s and direction = 'action'", (tx, step)
        )
        tell(tx, f"{step} has not come; nothing keeps it from coming later")
        return Answer.EMPTY


def main() -> None:
    """Run the worker, with a queue that is long enough for all that was held, and that takes it all."""
    database = Database(os.environ["DATABASE_URL"], waiting=1000)
    # Most senders have gone when their debits come. Some have not, and are enough for the bug; all show it.
    serve(database, routes(Payments(OpenBarrier(database))), drops_abandoned=False)


if __name__ == "__main__":
    main()
