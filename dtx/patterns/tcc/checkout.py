"""The checkout worker: takes orders from clients and coordinates the transaction of each."""

import os
from collections.abc import Callable, Mapping

from dtx.patterns.common.asking import Asked, Asker
from dtx.patterns.common.database import Database
from dtx.patterns.common.participants import Participants
from dtx.patterns.common.recovery import Recovery
from dtx.patterns.common.remote import Remote
from dtx.patterns.common.service import serve
from dtx.patterns.tcc.coordinator import TRY_BUDGET_S, Coordinator
from dtx.patterns.tcc.definition import About, Branch, D, TccDefinition
from dtx.patterns.tcc.face import routes
from dtx.patterns.tcc.tcc_log import TccLog


class Placed(About, frozen=True, kw_only=True):
    """What a client asks for; `price` is in cents for one piece."""

    customer: str
    sku: str
    quantity: int
    price: int

    def __post_init__(self) -> None:
        if not self.tx or self.quantity < 1 or self.price < 1:
            raise ValueError("tx must not be empty, quantity and price must be at least 1")


def _branches(placed: Placed) -> tuple[Branch, ...]:
    customer, sku, quantity, price = placed.customer, placed.sku, placed.quantity, placed.price
    order = {"customer": customer, "sku": sku, "quantity": quantity, "price": price}
    return (
        Branch(participant="orders", body=order),
        Branch(participant="payments", body={"customer": customer, "amount": price * quantity}),
        Branch(participant="inventory", body={"sku": sku, "quantity": quantity}),
    )


ORDER_TCC = TccDefinition(
    data=Placed,
    path="orders",
    branches=_branches,
    describe=lambda placed: f"order of {placed.quantity} {placed.sku} by {placed.customer}",
)

PARTICIPANTS = {
    "orders": "ORDERS_URL",
    "payments": "PAYMENTS_URL",
    "inventory": "INVENTORY_URL",
}
"""Participant -> the variable that has its address."""


def own_database() -> Database:
    """Return the log's database; most that wait for it are runners of transactions, which don't give up."""
    return Database(os.environ["DATABASE_URL"], waiting=400)


def participants(remote: Remote, variables: Mapping[str, str]) -> Participants:
    """Return the participants at the addresses that the environment names."""
    return Participants(remote, {name: os.environ[url] for name, url in variables.items()})


def serve_coordinator(definition: TccDefinition[D], variables: Mapping[str, str]) -> None:
    """Run a coordinator of one kind of transaction."""
    remote = Remote()
    serve_with(definition, remote, participants(remote, variables), Coordinator)


def serve_with(
    definition: TccDefinition[D],
    remote: Remote,
    asked: Asked,
    coordinator_of: Callable[[TccLog, Asker], Coordinator],
) -> None:
    """Run a coordinator that asks these participants."""
    database = own_database()
    log = TccLog(database)
    coordinator = coordinator_of(log, Asker(asked, budget_s=TRY_BUDGET_S))
    face = routes(definition, coordinator, log)
    serve(database, face, remote, coordinator, Recovery(coordinator))


def main() -> None:
    """Run the worker."""
    serve_coordinator(ORDER_TCC, PARTICIPANTS)


if __name__ == "__main__":
    main()
