"""Broken: a debit whose reply is lost counts as a debit that did not happen (S6)."""

from dtx.patterns.common.barrier import Answer
from dtx.patterns.common.remote import Remote
from dtx.patterns.common.service import serve
from dtx.patterns.saga.coordinator import Coordinator
from dtx.patterns.saga.orders import own_database, participants, routes
from dtx.patterns.saga.participants import Participants, Request
from dtx.patterns.saga.saga_log import Order, SagaLog


class HastyParticipants:
    """Takes silence for a refusal when it asks for a debit, so that nobody thinks of a refund."""

    def __init__(self, participants: Participants) -> None:
        self._participants = participants

    async def ask(self, request: Request, order: Order) -> Answer | None:
        """Ask once; a debit is always answered."""
        answer = await self._participants.ask(request, order)
        if answer is None and request is Request.DEBIT:
            return Answer.REFUSED
        return answer


def main() -> None:
    """Run the worker."""
    database = own_database()
    remote = Remote()
    coordinator = Coordinator(SagaLog(database), HastyParticipants(participants(remote)))
    serve(database, routes(coordinator, database), remote, coordinator)


if __name__ == "__main__":
    main()
