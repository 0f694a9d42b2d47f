"""Refunds go to another instance of payments than debits, and soon: right, but the one may overtake the other."""

import os

from dtx.patterns.common.asking import Asked, Asker, Request
from dtx.patterns.common.barrier import Answer
from dtx.patterns.common.participants import Participants
from dtx.patterns.common.recovery import Recovery
from dtx.patterns.common.remote import Remote
from dtx.patterns.common.service import serve
from dtx.patterns.saga.coordinator import Coordinator
from dtx.patterns.saga.face import routes
from dtx.patterns.saga.order_saga import DEBIT, ORDER_SAGA
from dtx.patterns.saga.orders import own_database, participants
from dtx.patterns.saga.saga_log import SagaLog

ASKED_FOR_S = 1.0
"""Each debit is asked for once or twice."""


class TwoWays:
    """Asks for refunds at an address of their own, as behind a load balancer."""

    def __init__(self, usual: Asked, refunds: Asked) -> None:
        self._usual = usual
        self._refunds = refunds

    async def ask(self, request: Request) -> Answer | None:
        """Ask once."""
        way = self._refunds if request.name == DEBIT.compensation else self._usual
        return await way.ask(request)


def main() -> None:
    """Run the worker."""
    database = own_database()
    remote = Remote()
    refunds = Participants(remote, {"payments": os.environ["REFUNDS_URL"]})
    asker = Asker(TwoWays(participants(remote), refunds), budget_s=ASKED_FOR_S)
    coordinator = Coordinator(ORDER_SAGA, SagaLog(ORDER_SAGA, database), asker)
    face = routes(ORDER_SAGA, coordinator, database)
    serve(database, face, remote, coordinator, Recovery(coordinator))


if __name__ == "__main__":
    main()
