"""The worker `tm`: an application that takes orders, with a transaction manager embedded in it."""

import os
from dataclasses import dataclass

from starlette.routing import Route

from dtx.patterns.twophase import order
from dtx.patterns.twophase.decision_log import DecisionLog
from dtx.patterns.twophase.face import routes
from dtx.patterns.twophase.mariadb import MariaDbResource
from dtx.patterns.twophase.order import Order
from dtx.patterns.twophase.postgres import PostgresResource
from dtx.patterns.twophase.recovery import Recovery
from dtx.patterns.twophase.transaction_manager import TransactionManager
from dtx.patterns.twophase.worker import serve_transactions


@dataclass(frozen=True, slots=True)
class Resources:
    """The databases that take part, at the addresses that the environment names."""

    orders: PostgresResource[Order]
    queue: PostgresResource[Order]
    payments: MariaDbResource[Order]
    inventory: PostgresResource[Order]

    @classmethod
    def from_environment(cls) -> "Resources":
        """Read the addresses."""
        return cls(
            order.orders(os.environ["ORDERS_URL"]),
            order.queue(os.environ["QUEUE_URL"]),
            order.payments(os.environ["PAYMENTS_URL"]),
            order.inventory(os.environ["INVENTORY_URL"]),
        )

    @property
    def stages(
        self,
    ) -> tuple[tuple[PostgresResource[Order] | MariaDbResource[Order], ...], ...]:
        """The order of work: accounts before stock; what nobody else wants goes along."""
        return (self.orders, self.queue, self.payments), (self.inventory,)


def order_routes(manager: TransactionManager[Order]) -> list[Route]:
    """Return what clients see of a manager of orders."""
    return routes(
        manager,
        "/orders",
        Order,
        lambda order: f"order of {order.quantity} {order.sku} by {order.customer}",
    )


def serve_orders(
    manager_type: type[TransactionManager[Order]] = TransactionManager,
    recovery_type: type[Recovery[Order]] = Recovery,
    log_type: type[DecisionLog] = DecisionLog,
    resources: Resources | None = None,
) -> None:
    """Run the worker, over the databases that the environment names, unless a variant brings its own `resources`."""
    serve_transactions(
        (resources or Resources.from_environment()).stages,
        order_routes,
        manager_type=manager_type,
        recovery_type=recovery_type,
        log_type=log_type,
    )


def main() -> None:
    """Run the worker."""
    serve_orders()


if __name__ == "__main__":
    main()
