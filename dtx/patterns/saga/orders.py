"""The orders worker: takes orders from clients and coordinates the saga of each."""

import os

from dtx.patterns.common.asking import Asker
from dtx.patterns.common.database import Database
from dtx.patterns.common.participants import Participants
from dtx.patterns.common.recovery import Recovery
from dtx.patterns.common.remote import Remote
from dtx.patterns.common.service import serve
from dtx.patterns.saga.coordinator import Coordinator
from dtx.patterns.saga.face import routes
from dtx.patterns.saga.order_saga import ORDER_SAGA
from dtx.patterns.saga.saga_log import SagaLog


def own_database() -> Database:
    """Return the orders database; as many clients may wait for it as it can serve in the second that each waits."""
    return Database(os.environ["DATABASE_URL"], waiting=400)


def participants(remote: Remote) -> Participants:
    """Return the participants at the addresses that the environment names."""
    return Participants(
        remote,
        {"payments": os.environ["PAYMENTS_URL"], "inventory": os.environ["INVENTORY_URL"]},
    )


def main() -> None:
    """Run the worker."""
    database = own_database()
    remote = Remote()
    log = SagaLog(ORDER_SAGA, database)
    coordinator = Coordinator(ORDER_SAGA, log, Asker(participants(remote)))
    face = routes(ORDER_SAGA, coordinator, database)
    serve(database, face, remote, coordinator, Recovery(coordinator))


if __name__ == "__main__":
    main()
