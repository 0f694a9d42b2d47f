"""The worker `tm`: an application that takes orders, with a transaction manager embedded in it."""

import os
from dataclasses import dataclass

from dtx.patterns.common.database import Database
from dtx.patterns.common.service import serve
from dtx.patterns.twophase import order
from dtx.patterns.twophase.decision_log import DecisionLog
from dtx.patterns.twophase.face import routes
from dtx.patterns.twophase.mariadb import MariaDbResource
from dtx.patterns.twophase.order import Order
from dtx.patterns.twophase.postgres import PostgresResource
from dtx.patterns.twophase.recovery import Recovery
from dtx.patterns.twophase.transaction_manager import TransactionManager


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

    @property
    def all(self) -> tuple[PostgresResource[Order] | MariaDbResource[Order], ...]:
        """All of them."""
        return tuple(resource for stage in self.stages for resource in stage)


def serve_orders(
    manager_type: type[TransactionManager[Order]] = TransactionManager,
    recovery_type: type[Recovery[Order]] = Recovery,
) -> None:
    """Run the worker; the group of transaction managers that share the log is $TM_GROUP."""
    database = Database(os.environ["LOG_URL"], waiting=400)
    resources = Resources.from_environment()
    log = DecisionLog(os.environ["TM_GROUP"], database)
    manager = manager_type(os.environ["TM_GROUP"], resources.stages, log)
    recovery = recovery_type(manager, log)
    face = routes(
        manager,
        "/orders",
        Order,
        lambda order: f"order of {order.quantity} {order.sku} by {order.customer}",
    )
    serve(database, face, *resources.all, log, manager, recovery)


def main() -> None:
    """Run the worker."""
    serve_orders()


if __name__ == "__main__":
    main()
