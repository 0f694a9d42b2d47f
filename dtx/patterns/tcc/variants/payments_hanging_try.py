"""Broken: a try that comes after its cancel freezes the money for good (S2: hanging)."""

import os

from dtx.patterns.common.barrier import Answer, Barrier, CompensationEffect
from dtx.patterns.common.database import Connection, Database
from dtx.patterns.common.narration import tell
from dtx.patterns.tcc.participant import Participant, serve_participant
from dtx.patterns.tcc.payments import PAYMENTS


class OpenBarrier(Barrier):
    """Knows that there was nothing to cancel, but does not bar what may still be on its way."""

    async def never_came(
        self, connection: Connection, tx: str, step: str, effect: CompensationEffect
    ) -> Answer:
        """Leave the try's key free."""
        del effect
        await connection.execute(
            "delete from barrier where tx = %s and step = %s and direction = 'action'", (tx, step)
        )
        tell(tx, "no try has come; nothing keeps it from coming later")
        return Answer.EMPTY


def main() -> None:
    """Run the worker, with a queue that is long enough for all that was held, and that takes it all."""
    database = Database(os.environ["DATABASE_URL"], waiting=1000)
    # Most senders have gone when their tries come. Some have not, and are enough for the bug; all show it.
    serve_participant(database, Participant(OpenBarrier(database), PAYMENTS), drops_abandoned=False)


if __name__ == "__main__":
    main()
