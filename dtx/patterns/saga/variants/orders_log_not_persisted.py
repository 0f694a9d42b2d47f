"""Broken: orders are stored, but where their sagas stand is only in memory; after a crash nobody goes on."""

from dataclasses import replace

from dtx.patterns.common.crash_points import crash_point
from dtx.patterns.common.database import Database
from dtx.patterns.common.narration import tell
from dtx.patterns.common.remote import Remote
from dtx.patterns.common.service import serve
from dtx.patterns.saga.coordinator import Coordinator
from dtx.patterns.saga.orders import own_database, participants, routes
from dtx.patterns.saga.saga_log import Order, Saga, State

_PLACE = """
    insert into orders (tx, customer, sku, quantity, price)
    values (%(tx)s, %(customer)s, %(sku)s, %(quantity)s, %(price)s)
    on conflict do nothing
"""
_CONFIRM = """
    with confirmed as (update orders set status = 'CONFIRMED' where tx = %(tx)s returning tx)
    insert into order_effects (tx, step, effect, amount) select tx, 'confirm', 'applied', 1 from confirmed
"""
_REJECT = "update orders set status = 'REJECTED' where tx = %(tx)s"
_ORDER = "select customer, sku, quantity, price, status from orders where tx = %(tx)s"


class MemoryLog:
    """Has the face of the saga log and the memory of its process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._unfinished: dict[str, Saga] = {}

    async def start(self, order: Order) -> bool:
        """Store the order as PENDING; return False if `tx` is there already."""
        crash_point("before-log-started", order.tx)
        parameters = {
            "tx": order.tx,
            "customer": order.customer,
            "sku": order.sku,
            "quantity": order.quantity,
            "price": order.price,
        }
        is_new = await self._database.execute(_PLACE, parameters) == 1
        if is_new:
            self._unfinished[order.tx] = Saga(order=order, state=State.STARTED)
        crash_point("after-log-started", order.tx)
        return is_new

    async def move(self, saga: Saga, new: State, why: str) -> Saga | None:
        """Remember the new state; only an end is stored, with its order."""
        crash_point(f"before-log-{new.lower()}", saga.tx)
        if new is State.CONFIRMED:
            await self._database.execute(_CONFIRM, {"tx": saga.tx})
        elif new is State.REJECTED:
            await self._database.execute(_REJECT, {"tx": saga.tx})
        moved = replace(saga, state=new)
        self._unfinished[saga.tx] = moved
        if moved.is_over:
            del self._unfinished[saga.tx]
        crash_point(f"after-log-{new.lower()}", saga.tx)
        tell(saga.tx, f"saga is {new}: {why}")
        return moved

    async def load(self, tx: str) -> Saga | None:
        """Return the saga if this process remembers it, else what its order says."""
        if tx in self._unfinished:
            return self._unfinished[tx]
        rows = await self._database.fetch(_ORDER, {"tx": tx})
        if not rows:
            return None
        customer, sku, quantity, price, status = rows[0]
        order = Order(tx=tx, customer=customer, sku=sku, quantity=quantity, price=price)
        return Saga(order=order, state=State.STARTED if status == "PENDING" else State(status))

    async def unfinished(self) -> list[Saga]:
        """Return what this process remembers: nothing, after a crash."""
        return list(self._unfinished.values())

    async def mark_stuck(self, saga: Saga) -> None:
        """Nothing is stored that an operator could see."""


def main() -> None:
    """Run the worker."""
    database = own_database()
    remote = Remote()
    coordinator = Coordinator(MemoryLog(database), participants(remote))
    serve(database, routes(coordinator, database), remote, coordinator)


if __name__ == "__main__":
    main()
