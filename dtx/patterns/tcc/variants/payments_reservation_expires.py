"""Broken: a reservation is freed by the participant's own clock, whatever was decided meanwhile."""

import os
from dataclasses import replace

from dtx.patterns.common.barrier import Answer, Barrier
from dtx.patterns.common.database import Connection, Database
from dtx.patterns.common.narration import tell
from dtx.patterns.common.service import serve
from dtx.patterns.tcc.definition import About, Outcome
from dtx.patterns.tcc.expiry import Expiry
from dtx.patterns.tcc.participant import NothingReservedError, Participant, routes
from dtx.patterns.tcc.payments import PAYMENTS, Payment

_EXPIRED = """
    select tx from reservations
    where status = 'TRIED' and since < clock_timestamp() - interval '3.5 seconds'
"""


class OwnClock:
    """Knows without asking: what has expired was not confirmed, so nobody will."""

    async def outcome(self, tx: str) -> Outcome:
        """Say cancel."""
        tell(tx, "reservation expired: freed without asking")
        return Outcome.CANCEL


class ContentPayments(Participant[Payment]):
    """Says that it has confirmed what it has freed: where nothing is frozen, nothing is left to do."""

    async def capture(self, connection: Connection, order: About) -> Answer:
        """Confirm if there is something."""
        try:
            return await super().capture(connection, order)
        except NothingReservedError:
            tell(order.tx, "confirmed, though its reservation is gone")
            return Answer.DONE


def main() -> None:
    """Run the worker."""
    database = Database(os.environ["DATABASE_URL"])
    participant = ContentPayments(Barrier(database), replace(PAYMENTS, expired=_EXPIRED))
    expiry = Expiry(database, _EXPIRED, participant, OwnClock())
    serve(database, routes(participant), expiry)


if __name__ == "__main__":
    main()
