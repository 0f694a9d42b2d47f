"""An order, its payment and its stock.

STARTED --debit--> DEBITED --reserve--> RESERVED --confirm--> CONFIRMED
refused: -> REJECTED, or -> REFUNDING -> REJECTED; unknown: the step itself is compensated too
"""

from dtx.patterns.saga.definition import SagaData, SagaDefinition, Step


class Order(SagaData, frozen=True, kw_only=True):
    """What a client asks for; `price` is in cents for one piece."""

    customer: str
    sku: str
    quantity: int
    price: int

    def __post_init__(self) -> None:
        if not self.tx or self.quantity < 1 or self.price < 1:
            raise ValueError("tx must not be empty, quantity and price must be at least 1")


DEBIT: Step[Order] = Step(
    action="debit",
    compensation="refund",
    participant=lambda order: "payments",
    body=lambda order: {"customer": order.customer, "amount": order.price * order.quantity},
    done="DEBITED",
    undoing="REFUNDING",
)

RESERVE: Step[Order] = Step(
    action="reserve",
    compensation="release",
    participant=lambda order: "inventory",
    body=lambda order: {"sku": order.sku, "quantity": order.quantity},
    done="RESERVED",
    undoing="RELEASING",
)

ORDER_SAGA = SagaDefinition(
    data=Order,
    steps=(DEBIT, RESERVE),
    confirmed="CONFIRMED",
    rejected="REJECTED",
    table="orders",
    effects="order_effects",
    confirmation="confirm",
    describe=lambda order: f"order of {order.quantity} {order.sku} by {order.customer}",
)
