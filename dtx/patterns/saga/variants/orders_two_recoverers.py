"""Broken: whoever finds a saga that is some seconds old takes it up, though another may run it (S10: no owner, no fence)."""

from typing import ClassVar

from dtx.patterns.common.database import Database
from dtx.patterns.common.narration import tell
from dtx.patterns.common.recovery import Recovery
from dtx.patterns.common.runners import Unfinished
from dtx.patterns.common.service import serve
from dtx.patterns.saga.face import routes
from dtx.patterns.saga.order_saga import ORDER_SAGA, Order
from dtx.patterns.saga.orders import own_database
from dtx.patterns.saga.saga_log import Saga, SagaLog
from dtx.patterns.saga.variants.aged import AgedStatements
from dtx.patterns.saga.variants.blind_log import BlindStatements
from dtx.patterns.saga.variants.patience import OnceCoordinator, patient_asker, patient_remote

ABANDONED_AFTER_S = 2.5
"""Far longer than a saga takes on a busy machine, shorter than a fault holds."""


class OldStatements(BlindStatements[Order], AgedStatements[Order]):
    """Takes for abandoned what is old, and moves it wherever it is."""

    after_s: ClassVar[float] = ABANDONED_AFTER_S


def old_log(database: Database) -> SagaLog[Order]:
    """Return the log whose old sagas are anybody's."""
    return SagaLog(ORDER_SAGA, database, statements=OldStatements(ORDER_SAGA))


class HastyCoordinator(OnceCoordinator):
    """Says whom it takes for abandoned, for whoever reads the story."""

    async def without_runner(self, unfinished: Unfinished[Saga[Order]]) -> list[Saga[Order]]:
        """Find them as ever: what does not run here, it believes, runs nowhere."""
        found = await super().without_runner(unfinished)
        for saga in found:
            tell(
                saga.tx,
                f"over {ABANDONED_AFTER_S} s old and not ended: taken for abandoned, without asking who runs it",
            )
        return found


def main() -> None:
    """Run the worker; several of them do the same."""
    database = own_database()
    remote = patient_remote()
    coordinator = HastyCoordinator(old_log(database), patient_asker(remote))
    face = routes(ORDER_SAGA, coordinator, database)
    serve(database, face, remote, coordinator, Recovery(coordinator))


if __name__ == "__main__":
    main()
