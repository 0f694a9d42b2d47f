"""Broken: an order that can't be fulfilled is rejected, and nobody thinks of the money that was taken for it."""

from dataclasses import fields

from dtx.patterns.common.asking import Asker
from dtx.patterns.common.barrier import Answer
from dtx.patterns.common.narration import tell
from dtx.patterns.common.recovery import Recovery
from dtx.patterns.common.remote import Remote
from dtx.patterns.common.service import serve
from dtx.patterns.saga.coordinator import Coordinator
from dtx.patterns.saga.definition import STARTED, SagaDefinition, State, Step
from dtx.patterns.saga.face import routes
from dtx.patterns.saga.order_saga import ORDER_SAGA, Order
from dtx.patterns.saga.orders import own_database, participants
from dtx.patterns.saga.saga_log import Saga, SagaLog


class ForgetfulSaga(SagaDefinition[Order]):
    """Ends at a refusal, with what was done before it still done."""

    def after_action(self, step: Step[Order], answer: Answer | None) -> State:
        """Reject what is refused at once."""
        if answer in {Answer.REFUSED, Answer.BARRED}:
            return self.rejected
        return super().after_action(step, answer)


FORGETFUL_SAGA = ForgetfulSaga(**{f.name: getattr(ORDER_SAGA, f.name) for f in fields(ORDER_SAGA)})


class ForgetfulCoordinator(Coordinator[Order]):
    """Says what it forgets, for whoever reads the story."""

    async def move(self, saga: Saga[Order], new: State, why: str) -> Saga[Order]:
        """Move the saga as ever."""
        if new == FORGETFUL_SAGA.rejected and saga.state != STARTED:
            tell(
                saga.tx,
                f"{why}: rejected at once, though it was {saga.state}; nothing is taken back",
            )
        return await super().move(saga, new, why)


def main() -> None:
    """Run the worker."""
    database = own_database()
    remote = Remote()
    log = SagaLog(FORGETFUL_SAGA, database)
    coordinator = ForgetfulCoordinator(FORGETFUL_SAGA, log, Asker(participants(remote)))
    face = routes(FORGETFUL_SAGA, coordinator, database)
    serve(database, face, remote, coordinator, Recovery(coordinator))


if __name__ == "__main__":
    main()
