"""Broken: compensations run in the order of the actions, not in reverse."""

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


class ForwardSaga(SagaDefinition[Order]):
    """Takes everything back from the first step on; what was never done answers that it is empty."""

    def after_action(self, step: Step[Order], answer: Answer | None) -> State:
        """Begin with the first step, unless there is nothing to take back."""
        if answer is Answer.DONE:
            return step.done
        is_alone = step == self.steps[0] and answer is not None
        return self.rejected if is_alone else self.steps[0].undoing

    def after_undone(self, step: Step[Order]) -> State:
        """Go on with the next step."""
        following = self.steps[self.steps.index(step) + 1 :]
        return following[0].undoing if following else self.rejected


FORWARD_SAGA = ForwardSaga(**{f.name: getattr(ORDER_SAGA, f.name) for f in fields(ORDER_SAGA)})


class ForwardCoordinator(Coordinator[Order]):
    """Says where it begins to take back, for whoever reads the story."""

    async def move(self, saga: Saga[Order], new: State, why: str) -> Saga[Order]:
        """Move the saga as ever."""
        first = FORWARD_SAGA.steps[0]
        if new == first.undoing and saga.state != STARTED:
            tell(
                saga.tx, f"{why}: {first.compensation} goes first, though {first.action} was first"
            )
        return await super().move(saga, new, why)


def main() -> None:
    """Run the worker."""
    database = own_database()
    remote = Remote()
    log = SagaLog(FORWARD_SAGA, database)
    coordinator = ForwardCoordinator(FORWARD_SAGA, log, Asker(participants(remote)))
    face = routes(FORWARD_SAGA, coordinator, database)
    serve(database, face, remote, coordinator, Recovery(coordinator))


if __name__ == "__main__":
    main()
