"""The resource managers and the decision log on real servers: votes, tags, attached branches, compare-and-set."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import psycopg
import pytest

from dtx.patterns.common.database import Connection, Database
from dtx.patterns.common.mariadb_sessions import MariaDbSession
from dtx.patterns.twophase import order
from dtx.patterns.twophase.decision_log import DecisionLog
from dtx.patterns.twophase.identity import BranchId, Xid
from dtx.patterns.twophase.lease import Lease
from dtx.patterns.twophase.order import Order
from dtx.patterns.twophase.postgres import PostgresResource
from dtx.patterns.twophase.resource import (
    SETTLED_AT_ONCE,
    Decision,
    RefusedError,
    ResourceError,
    Settled,
    Vote,
)

from .twophase_system import TwoVendors

pytestmark = [pytest.mark.local, pytest.mark.mariadb]

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(main)


RICH = [
    "ann",
    "ben",
    "cleo",
    "dan",
    "eve",
    "finn",
    "gus",
    "hana",
    "ivan",
    "jane",
    "kim",
    "leo",
    "mia",
    "nora",
    "omar",
    "pia",
    "quinn",
]


def an_order(tx: str, sku: str = "apple", customer: str = "ann") -> Order:
    return Order(tx=tx, customer=customer, sku=sku, quantity=2, price=150)


def xid(tx: str) -> Xid:
    return Xid.new("shop", tx, epoch=1)


def test_branch_attached_to_a_live_session_is_committed_from_another_one(
    vendors: TwoVendors,
) -> None:
    async def main() -> None:
        url = vendors.url("payments-db")
        async with order.payments(url) as frozen, order.payments(url) as other:
            branch = await frozen.begin(xid("attached"), an_order("attached"))
            await branch.prepare()
            [found] = await other.in_doubt("shop")
            assert found == branch.id
            assert await other.settle(found, Decision.COMMIT) is Settled.DONE
            assert await other.have_marker(["attached"]) == {"attached"}
            with pytest.raises(ResourceError):
                await branch.commit()  # its session was ended: it must ask, and finds the marker
            assert await frozen.settle(branch.id, Decision.COMMIT) is Settled.DONE

    run(main())


def test_unprepared_work_of_a_live_session_is_undone_by_a_settled_abort(
    vendors: TwoVendors,
) -> None:
    async def main() -> None:
        url = vendors.url("payments-db")
        async with order.payments(url) as frozen, order.payments(url) as other:
            branch = await frozen.begin(xid("unprepared"), an_order("unprepared"))
            assert await other.settle(branch.id, Decision.ABORT) is Settled.DONE
            with pytest.raises(ResourceError):
                await branch.prepare()
            assert not await other.in_doubt("shop")
            assert not await other.have_marker(["unprepared"])

    run(main())


def test_connecting_to_mariadb_reads_no_certificate_authorities(
    vendors: TwoVendors, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(**_: object) -> None:
        raise AssertionError("50 ms for each connection")

    monkeypatch.setattr("ssl.create_default_context", read)
    MariaDbSession(vendors.url("payments-db")).close()
    assert vendors.mariadb.query("select 1") == [(1,)]


@pytest.mark.parametrize("name", ["orders", "payments"])
def test_many_branches_are_settled_and_what_is_nowhere_is_said(
    vendors: TwoVendors, name: str
) -> None:
    async def main() -> None:
        noted: dict[str, Settled | ResourceError] = {}

        def note(branch: BranchId, decision: Decision, found: Settled | ResourceError) -> None:
            assert decision is Decision.COMMIT
            noted[branch.xid.tx] = found

        url = vendors.url(f"{name}-db")
        async with order.orders(url) if name == "orders" else order.payments(url) as resource:
            branches: list[BranchId] = []
            for customer in RICH:
                tx = f"many-{name}-{customer}"
                branch = await resource.begin(xid(tx), an_order(tx, customer=customer))
                branches.append(branch.id)
                if customer == "quinn":
                    await branch.roll_back()
                else:
                    await branch.prepare()
            await resource.settle_all([(one, Decision.COMMIT) for one in branches], note)
            assert noted == {
                branch.xid.tx: Settled.MISSING if "quinn" in branch.xid.tx else Settled.DONE
                for branch in branches
            }
            assert len(await resource.have_marker(noted)) == len(RICH) - 1
            assert not await resource.in_doubt("shop")

    run(main())


@pytest.mark.parametrize("name", ["orders", "payments"])
def test_settling_many_ends_soon_where_nobody_answers(vendors: TwoVendors, name: str) -> None:
    async def main() -> None:
        failed: list[BranchId] = []

        def note(branch: BranchId, _: Decision, found: Settled | ResourceError) -> None:
            assert isinstance(found, ResourceError)
            failed.append(branch)

        # The right server, by a name that it does not know: each call fails, and at once.
        url = f"{vendors.url(f'{name}-db')}-of-nobody"
        async with order.orders(url) if name == "orders" else order.payments(url) as resource:
            branches = [BranchId(xid=xid(f"x{number}"), gid=f"x{number}") for number in range(300)]
            await resource.settle_all([(one, Decision.COMMIT) for one in branches], note)
            assert 1 <= len(failed) <= SETTLED_AT_ONCE
            assert set(failed) <= set(branches)

    run(main())


@pytest.mark.parametrize("name", ["orders", "payments"])
def test_branch_that_is_nowhere_is_missing_to_a_commit_and_done_to_an_abort(
    vendors: TwoVendors, name: str
) -> None:
    async def main() -> None:
        url = vendors.url(f"{name}-db")
        async with order.orders(url) if name == "orders" else order.payments(url) as resource:
            branch = await resource.begin(xid(f"gone-{name}"), an_order(f"gone-{name}"))
            await branch.roll_back()
            assert await resource.settle(branch.id, Decision.COMMIT) is Settled.MISSING
            assert await resource.settle(branch.id, Decision.ABORT) is Settled.DONE

    run(main())


def test_work_that_failed_in_silence_votes_no_by_the_command_tag(vendors: TwoVendors) -> None:
    async def careless(connection: Connection, placed: Order) -> None:
        del placed
        with pytest.raises(psycopg.Error):
            await connection.execute("select 1 / 0")

    async def main() -> None:
        resource: PostgresResource[Order] = PostgresResource(
            "orders", vendors.url("orders-db"), careless, marker="order_effects"
        )
        async with resource:
            branch = await resource.begin(xid("careless"), an_order("careless"))
            with pytest.raises(ResourceError, match="answered ROLLBACK"):
                await branch.prepare()
            assert not await resource.in_doubt("shop")

    run(main())


def test_deferred_constraint_refuses_at_prepare(vendors: TwoVendors) -> None:
    async def main() -> None:
        stock: PostgresResource[Order] = order.inventory(vendors.url("inventory-db"))
        async with stock as inventory:
            wanted = Order(tx="feast", customer="ann", sku="truffle", quantity=99, price=1)
            branch = await inventory.begin(xid("feast"), wanted)
            with pytest.raises(RefusedError, match="truffle is out of stock"):
                await branch.prepare()
            await branch.roll_back()
            assert not await inventory.in_doubt("shop")

    run(main())


def test_first_decision_counts_for_both_managers_that_share_the_log(vendors: TwoVendors) -> None:
    async def main() -> None:
        url = vendors.url("log-db")
        async with (
            Database(url) as one,
            Database(url) as two,
            DecisionLog("shop", one) as slow,
            DecisionLog("shop", two) as recoverer,
        ):
            await Lease("shop", "tm", one).hold()
            mine = xid("raced")
            assert (await recoverer.decide(mine, Decision.ABORT, epoch=1)).of(
                mine
            ) is Decision.ABORT
            assert (await slow.decide(mine, Decision.COMMIT, epoch=1, participants=("a",))).of(
                mine
            ) is Decision.ABORT
            other = xid("raced")
            assert (await slow.decide(other, Decision.COMMIT, epoch=1, participants=("a",))).of(
                other
            ) is Decision.ABORT
            assert (await slow.decide(other, Decision.ABORT, epoch=1)).xid == mine
            assert await slow.unforgotten() == []

    run(main())


def test_repeated_decision_is_the_same_and_a_group_has_each_its_own(vendors: TwoVendors) -> None:
    async def main() -> None:
        async with (
            Database(vendors.url("log-db")) as database,
            DecisionLog("many", database) as log,
        ):
            await Lease("many", "tm", database).hold()
            xids = [Xid.new("many", f"group-{n}", epoch=1) for n in range(30)]
            asked = [
                log.decide(one, Decision.COMMIT, epoch=1, participants=("a",))
                for one in [*xids, *xids]
            ]
            records = await asyncio.gather(*asked)
            assert [record.xid for record in records] == [*xids, *xids]
            await asyncio.gather(*(log.forget(one) for one in xids))
            assert await log.unforgotten() == []

    run(main())


def test_branches_of_others_are_not_in_doubt_for_us(vendors: TwoVendors) -> None:
    async def main() -> None:
        async with order.orders(vendors.url("orders-db")) as orders:
            stranger = Xid.new("bank", "theirs", epoch=1)
            branch = await orders.begin(stranger, an_order("theirs"))
            await branch.prepare()
            assert await orders.in_doubt("shop") == []
            [found] = await orders.in_doubt("bank")
            assert found == BranchId(xid=stranger, gid=f"{stranger}:orders")
            assert await orders.settle(found, Decision.ABORT) is Settled.DONE

    run(main())


def test_session_that_was_given_back_is_not_ended_for_what_it_did_before(
    vendors: TwoVendors,
) -> None:
    async def main() -> None:
        async with order.payments(vendors.url("payments-db")) as resource:
            done = await resource.begin(xid("done"), an_order("done", customer="ann"))
            await done.prepare()
            await done.commit()
            live = await resource.begin(xid("live"), an_order("live", customer="ben"))
            assert done.id.gid.partition(",")[2] == live.id.gid.partition(",")[2], "one session"
            assert await resource.settle(done.id, Decision.COMMIT) is Settled.DONE
            assert await live.prepare() is Vote.YES
            await live.commit()

    run(main())


@pytest.mark.parametrize("name", ["orders", "payments"])
def test_transactions_are_told_apart_by_upper_and_lower_case(
    vendors: TwoVendors, name: str
) -> None:
    async def main() -> None:
        url = vendors.url(f"{name}-db")
        async with order.orders(url) if name == "orders" else order.payments(url) as resource:
            small, big = f"cased-{name}", f"CASED-{name}"
            branch = await resource.begin(xid(small), an_order(small, customer="ann"))
            await branch.prepare()
            await branch.commit()
            assert await resource.have_marker([big]) == set()
            other = await resource.begin(xid(big), an_order(big, customer="ann"))
            await other.prepare()
            await other.roll_back()
            assert await resource.settle(other.id, Decision.COMMIT) is Settled.MISSING

    run(main())
