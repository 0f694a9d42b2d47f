"""The saga log in a real database: transitions compare and set, and what belongs to them comes with them."""

import asyncio
from dataclasses import replace

import pytest

from dtx.patterns.common.database import Database
from dtx.patterns.saga.definition import STARTED
from dtx.patterns.saga.order_saga import DEBIT, ORDER_SAGA, RESERVE, Order
from dtx.patterns.saga.saga_log import Saga, SagaLog
from tests.integration.patterns.saga_system import Databases

pytestmark = pytest.mark.local


def an_order(tx: str) -> Order:
    return Order(tx=tx, customer="ann", sku="apple", quantity=2, price=150)


def entries(databases: Databases, tx: str) -> list[str]:
    query = f"select seq || ' ' || entry from saga_log where tx = '{tx}' order by seq"
    return [row[0] for row in databases.rows("orders-db", query)]


def test_of_many_who_move_a_saga_from_one_state_one_does(databases: Databases) -> None:
    async def main() -> list[Saga[Order] | None]:
        async with Database(databases.url("orders-db")) as database:
            log = SagaLog(ORDER_SAGA, database)
            assert await log.start(an_order("cas-1"))
            saga = Saga(data=an_order("cas-1"), state=STARTED)
            moves = (log.move(saga, DEBIT.done, f"by {n}") for n in range(8))
            return list(await asyncio.gather(*moves))

    moved = asyncio.run(main())
    assert len([saga for saga in moved if saga]) == 1
    assert len(entries(databases, "cas-1")) == 2


def test_stale_transition_writes_neither_log_nor_order_nor_effect(databases: Databases) -> None:
    async def main() -> None:
        async with Database(databases.url("orders-db")) as database:
            log = SagaLog(ORDER_SAGA, database)
            await log.start(an_order("cas-2"))
            saga = Saga(data=an_order("cas-2"), state=STARTED)
            assert await log.move(saga, ORDER_SAGA.rejected, "debit refused")
            stale = replace(saga, state=RESERVE.done)
            assert await log.move(stale, ORDER_SAGA.confirmed, "late") is None
            assert await log.load("cas-2") == replace(saga, state=ORDER_SAGA.rejected)

    asyncio.run(main())
    assert entries(databases, "cas-2") == ["1 STARTED", "2 REJECTED: debit refused"]
    assert databases.rows("orders-db", "select status from orders where tx = 'cas-2'") == [
        ("REJECTED",)
    ]
    assert databases.rows("orders-db", "select 1 from order_effects where tx = 'cas-2'") == []


def test_order_started_again_changes_nothing_and_stays_unfinished(databases: Databases) -> None:
    async def main() -> None:
        async with Database(databases.url("orders-db")) as database:
            log = SagaLog(ORDER_SAGA, database)
            assert [await log.start(an_order("cas-3")) for _ in range(2)] == [True, False]
            assert "cas-3" in {saga.tx for saga in await log.unfinished()}

    asyncio.run(main())
    assert entries(databases, "cas-3") == ["1 STARTED"]


def test_stuck_saga_is_in_the_residue_until_it_moves(databases: Databases) -> None:
    stuck = "select tx from sagas where stuck_since is not null"

    async def main() -> None:
        async with Database(databases.url("orders-db")) as database:
            log = SagaLog(ORDER_SAGA, database)
            await log.start(an_order("cas-4"))
            saga = Saga(data=an_order("cas-4"), state=STARTED)
            await log.mark_stuck(saga)
            assert databases.rows("orders-db", stuck) == [("cas-4",)]
            await log.move(saga, DEBIT.done, "payments did it")

    asyncio.run(main())
    assert databases.rows("orders-db", stuck) == []
