"""What two coordinators that run one saga have in common, so that the load of the machine does not decide what comes of it.

Both wait for an answer as long as it takes. One that gave up a step would take back what the other has confirmed.
Each runs a saga once. Two that take up what the other has just moved back would do so for ever.
Either is another story, and only load would decide when it is told.
"""

import asyncio

from dtx.patterns.common.asking import Asker
from dtx.patterns.common.remote import Remote
from dtx.patterns.common.runners import Unfinished
from dtx.patterns.saga.coordinator import Coordinator, Logging
from dtx.patterns.saga.order_saga import ORDER_SAGA, Order
from dtx.patterns.saga.orders import participants
from dtx.patterns.saga.saga_log import Saga

PATIENCE_S = 60.0


def patient_remote() -> Remote:
    """Return the other end of calls that wait for their answer, or for the end of the connection."""
    return Remote(timeout_s=None)


def patient_asker(remote: Remote) -> Asker:
    """Return an asker that outlasts every fault."""
    return Asker(participants(remote), budget_s=PATIENCE_S)


class OnceCoordinator(Coordinator[Order]):
    """Runs a saga once, wherever somebody moves it afterwards."""

    def __init__(self, log: Logging[Order], asker: Asker) -> None:
        super().__init__(ORDER_SAGA, log, asker)
        self._run: set[str] = set()

    def runner_of(self, transaction: Saga[Order]) -> "asyncio.Task[Saga[Order]]":
        """Begin it as ever, and remember it."""
        self._run.add(transaction.tx)
        return super().runner_of(transaction)

    async def without_runner(self, unfinished: Unfinished[Saga[Order]]) -> list[Saga[Order]]:
        """Return those that never had a runner here."""
        return [
            each for each in await super().without_runner(unfinished) if each.tx not in self._run
        ]
