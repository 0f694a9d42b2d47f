"""The orders worker of the credit story: takes orders, answers at once, and has each approved or rejected.

STARTED --reserve--> RESERVED --approve--> APPROVED
refused: -> REJECTED; unknown: -> RELEASING -> REJECTED
"""

import os

from dtx.patterns.common.asking import Asker
from dtx.patterns.common.participants import Participants
from dtx.patterns.common.recovery import Recovery
from dtx.patterns.common.remote import Remote
from dtx.patterns.common.service import serve
from dtx.patterns.saga.coordinator import Coordinator
from dtx.patterns.saga.definition import SagaData, SagaDefinition, Step
from dtx.patterns.saga.face import routes
from dtx.patterns.saga.orders import own_database
from dtx.patterns.saga.saga_log import SagaLog


class CreditOrder(SagaData, frozen=True, kw_only=True):
    """What a client asks for; `total` is in cents."""

    customer: str
    total: int

    def __post_init__(self) -> None:
        if not self.tx or self.total < 1:
            raise ValueError("tx must not be empty, total must be at least 1")


RESERVE: Step[CreditOrder] = Step(
    action="reserve",
    compensation="release",
    participant=lambda order: "customers",
    body=lambda order: {"customer": order.customer, "amount": order.total},
    done="RESERVED",
    undoing="RELEASING",
)

CREDIT_SAGA = SagaDefinition(
    data=CreditOrder,
    steps=(RESERVE,),
    confirmed="APPROVED",
    rejected="REJECTED",
    table="orders",
    effects="order_effects",
    confirmation="approve",
    describe=lambda order: f"order over {order.total} by {order.customer}",
)


def main() -> None:
    """Run the worker."""
    database = own_database()
    remote = Remote()
    asker = Asker(Participants(remote, {"customers": os.environ["CUSTOMERS_URL"]}))
    coordinator = Coordinator(CREDIT_SAGA, SagaLog(CREDIT_SAGA, database), asker)
    # Nobody waits for the customers: a client is told that its order is PENDING, and asks what became of it.
    face = routes(CREDIT_SAGA, coordinator, database, answer_within_s=0.0)
    serve(database, face, remote, coordinator, Recovery(coordinator))


if __name__ == "__main__":
    main()
