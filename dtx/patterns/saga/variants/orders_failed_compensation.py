"""Broken: a compensation that failed is marked done (S8)."""

from collections.abc import Awaitable, Callable

from dtx.patterns.common.asking import Asker, Request
from dtx.patterns.common.barrier import Answer
from dtx.patterns.common.narration import tell
from dtx.patterns.common.recovery import Recovery
from dtx.patterns.common.remote import Remote
from dtx.patterns.common.service import serve
from dtx.patterns.saga.coordinator import Coordinator
from dtx.patterns.saga.face import routes
from dtx.patterns.saga.order_saga import ORDER_SAGA
from dtx.patterns.saga.orders import own_database, participants
from dtx.patterns.saga.saga_log import SagaLog


class ContentAsker(Asker):
    """Has done its duty when it asked once."""

    async def until_answered(
        self, request: Request, show_stuck: Callable[[], Awaitable[None]]
    ) -> Answer:
        """Ask once, and take silence for consent."""
        del show_stuck
        answer = await self.once(request, attempt=1)
        if answer is None:
            tell(request.tx, f"{request.name} failed; it is marked done")
            return Answer.UNDONE
        return answer


def main() -> None:
    """Run the worker."""
    database = own_database()
    remote = Remote()
    asker = ContentAsker(participants(remote))
    coordinator = Coordinator(ORDER_SAGA, SagaLog(ORDER_SAGA, database), asker)
    face = routes(ORDER_SAGA, coordinator, database)
    serve(database, face, remote, coordinator, Recovery(coordinator))


if __name__ == "__main__":
    main()
