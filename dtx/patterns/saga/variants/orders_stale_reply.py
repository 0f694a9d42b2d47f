"""Broken: a reply says which saga it is for, but nobody looks to which question (S13: a stale reply moves the wrong step)."""

from dtx.patterns.common.asking import Asker
from dtx.patterns.common.recovery import Recovery
from dtx.patterns.common.remote import Remote
from dtx.patterns.common.service import serve
from dtx.patterns.saga.coordinator import Coordinator
from dtx.patterns.saga.face import routes
from dtx.patterns.saga.order_saga import ORDER_SAGA
from dtx.patterns.saga.orders import own_database, participants
from dtx.patterns.saga.saga_log import SagaLog
from dtx.patterns.saga.variants.reply_channel import Mailbox


def main() -> None:
    """Run the worker."""
    database = own_database()
    remote = Remote()
    mailbox = Mailbox(participants(remote))
    coordinator = Coordinator(ORDER_SAGA, SagaLog(ORDER_SAGA, database), Asker(mailbox))
    face = [mailbox.route, *routes(ORDER_SAGA, coordinator, database)]
    # A reply is a message: it counts although its sender does not wait to see it taken.
    parts = (remote, coordinator, Recovery(coordinator))
    serve(database, face, *parts, drops_abandoned=False)


if __name__ == "__main__":
    main()
