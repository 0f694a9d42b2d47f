"""The worker `tm` of the workload order-short: takes the short ways of XA where a request allows them."""

import os

from dtx.patterns.twophase import order, shop
from dtx.patterns.twophase.face import routes
from dtx.patterns.twophase.postgres import PostgresResource
from dtx.patterns.twophase.shop import Request, ShopManager
from dtx.patterns.twophase.worker import serve_transactions


def serve_requests(manager_type: type[ShopManager] = ShopManager) -> None:
    """Run the worker, over the databases that the environment names."""
    orders = shop.orders(os.environ["ORDERS_URL"])
    payments = shop.payments(os.environ["PAYMENTS_URL"])
    queue: PostgresResource[Request] = order.queue(os.environ["QUEUE_URL"])
    inventory: PostgresResource[Request] = order.inventory(os.environ["INVENTORY_URL"])
    serve_transactions(
        ((orders, queue, payments), (inventory,)),
        lambda manager: routes(manager, "/requests", Request, str),
        manager_type=manager_type,
        alone=(orders,),
    )


def main() -> None:
    """Run the worker."""
    serve_requests()


if __name__ == "__main__":
    main()
