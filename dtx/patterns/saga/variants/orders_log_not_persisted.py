"""Broken: orders are stored, but where their sagas stand is only in memory; after a crash nobody goes on."""

from dataclasses import replace

import msgspec

from dtx.patterns.common.asking import Asker
from dtx.patterns.common.crash_points import crash_point
from dtx.patterns.common.database import Database
from dtx.patterns.common.narration import tell
from dtx.patterns.common.recovery import Recovery
from dtx.patterns.common.remote import Remote
from dtx.patterns.common.service import serve
from dtx.patterns.saga.coordinator import Coordinator
from dtx.patterns.saga.definition import STARTED, State
from dtx.patterns.saga.face import routes
from dtx.patterns.saga.order_saga import ORDER_SAGA, Order
from dtx.patterns.saga.orders import own_database, participants
from dtx.patterns.saga.saga_log import Saga

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
        self._unfinished: dict[str, Saga[Order]] = {}

    async def start(self, data: Order) -> bool:
        """Store the order as PENDING; return False if `tx` is there already."""
        crash_point("before-log-started", data.tx)
        is_new = await self._database.execute(_PLACE, msgspec.structs.asdict(data)) == 1
        if is_new:
            self._unfinished[data.tx] = Saga(data=data, state=STARTED)
        crash_point("after-log-started", data.tx)
        return is_new

    async def move(self, saga: Saga[Order], new: State, why: str) -> Saga[Order] | None:
        """Remember the new state; only an end is stored, with its order."""
        crash_point(f"before-log-{new.lower()}", saga.tx)
        if new == ORDER_SAGA.confirmed:
            await self._database.execute(_CONFIRM, {"tx": saga.tx})
        elif new == ORDER_SAGA.rejected:
            await self._database.execute(_REJECT, {"tx": saga.tx})
        moved = replace(saga, state=new)
        self._unfinished[saga.tx] = moved
        if ORDER_SAGA.is_over(new):
            del self._unfinished[saga.tx]
        crash_point(f"after-log-{new.lower()}", saga.tx)
        tell(saga.tx, f"saga is {new}: {why}")
        return moved

    async def load(self, tx: str) -> Saga[Order] | None:
        """Return the saga if this process remembers it, else what its order says."""
        if tx in self._unfinished:
            return self._unfinished[tx]
        rows = await self._database.fetch(_ORDER, {"tx": tx})
        if not rows:
            return None
        customer, sku, quantity, price, status = rows[0]
        order = Order(tx=tx, customer=customer, sku=sku, quantity=quantity, price=price)
        return Saga(data=order, state=STARTED if status == "PENDING" else status)

    async def unfinished(self) -> list[Saga[Order]]:
        """Return what this process remembers: nothing, after a crash."""
        return list(self._unfinished.values())

    async def mark_stuck(self, saga: Saga[Order]) -> None:
        """Nothing is stored that an operator could see."""


def main() -> None:
    """Run the worker."""
    database = own_database()
    remote = Remote()
    coordinator = Coordinator(ORDER_SAGA, MemoryLog(database), Asker(participants(remote)))
    face = routes(ORDER_SAGA, coordinator, database)
    serve(database, face, remote, coordinator, Recovery(coordinator))


if __name__ == "__main__":
    main()
