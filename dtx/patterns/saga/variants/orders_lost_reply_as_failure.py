"""Broken: a debit whose reply is lost counts as a debit that did not happen (S6)."""

from dtx.patterns.common.asking import Asked, Asker, Request
from dtx.patterns.common.barrier import Answer
from dtx.patterns.common.recovery import Recovery
from dtx.patterns.common.remote import Remote
from dtx.patterns.common.service import serve
from dtx.patterns.saga.coordinator import Coordinator
from dtx.patterns.saga.face import routes
from dtx.patterns.saga.order_saga import DEBIT, ORDER_SAGA
from dtx.patterns.saga.orders import own_database, participants
from dtx.patterns.saga.saga_log import SagaLog


class HastyParticipants:
    """Takes silence for a refusal when it asks for a debit, so that nobody thinks of a refund."""

    def __init__(self, participants: Asked) -> None:
        self._participants = participants

    async def ask(self, request: Request) -> Answer | None:
        """Ask once; a debit is always answered."""
        answer = await self._participants.ask(request)
        if answer is None and request.name == DEBIT.action:
            return Answer.REFUSED
        return answer


def main() -> None:
    """Run the worker."""
    database = own_database()
    remote = Remote()
    asker = Asker(HastyParticipants(participants(remote)))
    coordinator = Coordinator(ORDER_SAGA, SagaLog(ORDER_SAGA, database), asker)
    face = routes(ORDER_SAGA, coordinator, database)
    serve(database, face, remote, coordinator, Recovery(coordinator))


if __name__ == "__main__":
    main()
