"""The short ways of XA on real servers: who only read votes so and ends; an only branch commits in one phase."""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any, Literal, TypeVar

import pytest

from dtx.patterns.common.database import Connection
from dtx.patterns.common.mariadb_sessions import MariaDbSession
from dtx.patterns.twophase import order, shop
from dtx.patterns.twophase.identity import Xid
from dtx.patterns.twophase.mariadb import MariaDbResource
from dtx.patterns.twophase.postgres import PostgresResource
from dtx.patterns.twophase.resource import Branch, Decision, RefusedError, ResourceError, Vote
from dtx.patterns.twophase.shop import Request

from .twophase_system import TwoVendors, two_vendors

pytestmark = [pytest.mark.local, pytest.mark.mariadb]

T = TypeVar("T")

DECIDED_ALONE = """
    create table if not exists decided_alone (
        tx       varchar(40) primary key,
        decision varchar(6) not null
    )
"""


@pytest.fixture(scope="module")
def vendors() -> Iterator[TwoVendors]:
    with two_vendors() as vendors:
        with vendors.mariadb.session() as connection, connection.cursor() as cursor:
            cursor.execute(DECIDED_ALONE)
        yield vendors


def run(main: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(main)


def xid(tx: str) -> Xid:
    return Xid.new("shop", tx, epoch=1)


def a_request(
    tx: str, kind: Literal["order", "gift", "address"], *, customer: str = "ann"
) -> Request:
    return Request(tx=tx, kind=kind, customer=customer, sku="apple", quantity=2, price=150)


def test_gift_is_only_read_at_payments_and_prepared_where_it_is_written(
    vendors: TwoVendors,
) -> None:
    async def main() -> None:
        gift, name = a_request("gift", "gift"), xid("gift")
        async with (
            shop.payments(vendors.url("payments-db")) as payments,
            shop.orders(vendors.url("orders-db")) as orders,
        ):
            reading = await payments.begin(name, gift)
            writing = await orders.begin(name, gift)
            assert await reading.prepare() is Vote.READ_ONLY
            assert await writing.prepare() is Vote.YES
            assert set(vendors.prepared("gift")) == {"orders-db"}
            await writing.commit()
            assert await orders.have_marker(["gift"])
            assert not await payments.have_marker(["gift"])
            with pytest.raises(RefusedError):
                await payments.begin(xid("zoe"), a_request("zoe", "gift", customer="zoe"))

    run(main())


def test_servers_refuse_a_write_of_who_only_reads(vendors: TwoVendors) -> None:
    async def at_postgres(connection: Connection, request: Request) -> None:
        await order.place(connection, request)

    def at_mariadb(session: MariaDbSession, request: Request) -> None:
        order.pay(session, request)

    async def main() -> None:
        liars = (
            PostgresResource(
                "orders", vendors.url("orders-db"), at_postgres, marker=order.PLACED,
                only_reads=lambda _: True,
            ),
            MariaDbResource(
                "payments", vendors.url("payments-db"), at_mariadb, marker=order.PAID,
                only_reads=lambda _: True,
            ),
        )  # fmt: skip
        for liar in liars:
            async with liar:
                with pytest.raises(ResourceError):
                    await liar.begin(xid("liar"), a_request("liar", "order"))
                assert not await liar.have_marker(["liar"])

    run(main())


@pytest.mark.parametrize("where", ["orders-db", "payments-db"])
def test_only_branch_commits_without_being_prepared_and_says_so_when_asked(
    vendors: TwoVendors, where: str
) -> None:
    async def main() -> None:
        tx = f"alone-{where}"
        async with _resource(vendors, where) as resource:
            branch = await resource.begin(xid(tx), a_request(tx, "order"), alone=True)
            await branch.commit_alone()
            assert not vendors.prepared(tx)
            assert await resource.have_marker([tx])
            assert await resource.decided_alone(tx) is Decision.COMMIT
            with pytest.raises(ResourceError):  # a second attempt finds the first one's decision
                await resource.begin(xid(tx), a_request(tx, "order"), alone=True)

    run(main())


@pytest.mark.parametrize("where", ["orders-db", "payments-db"])
def test_only_branch_that_was_asked_about_before_it_began_can_not_commit(
    vendors: TwoVendors, where: str
) -> None:
    async def main() -> None:
        tx = f"barred-{where}"
        async with _resource(vendors, where) as resource:
            assert await resource.decided_alone(tx) is Decision.ABORT
            with pytest.raises(ResourceError):
                await resource.begin(xid(tx), a_request(tx, "order"), alone=True)
            assert await resource.decided_alone(tx) is Decision.ABORT
            assert not await resource.have_marker([tx])

    run(main())


@pytest.mark.parametrize("where", ["orders-db", "payments-db"])
def test_question_waits_for_what_is_just_being_committed(vendors: TwoVendors, where: str) -> None:
    async def main() -> None:
        tx = f"racing-{where}"
        async with _resource(vendors, where) as resource:
            branch: Branch = await resource.begin(xid(tx), a_request(tx, "order"), alone=True)
            asked = asyncio.create_task(resource.decided_alone(tx))
            await asyncio.sleep(0.2)
            assert not asked.done()
            await branch.commit_alone()
            assert await asked is Decision.COMMIT

    run(main())


@pytest.mark.parametrize("where", ["orders-db", "payments-db"])
def test_only_branch_that_is_rolled_back_leaves_no_decision(
    vendors: TwoVendors, where: str
) -> None:
    async def main() -> None:
        tx = f"undone-{where}"
        async with _resource(vendors, where) as resource:
            branch = await resource.begin(xid(tx), a_request(tx, "order"), alone=True)
            await branch.roll_back()
            assert await resource.decided_alone(tx) is Decision.ABORT

    run(main())


def _resource(
    vendors: TwoVendors, where: str
) -> PostgresResource[Request] | MariaDbResource[Request]:
    if where == "orders-db":
        return shop.orders(vendors.url(where))
    return shop.payments(vendors.url(where))
