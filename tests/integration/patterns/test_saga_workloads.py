"""The workloads credit and transfer with real databases and processes."""

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from dtx.config.loader import load_system
from dtx.config.model import Selection
from tests.integration.patterns.saga_system import (
    FOLDER,
    Json,
    RunningWorker,
    Saga,
    get,
    post,
    running_databases,
    running_saga,
    until,
)

pytestmark = pytest.mark.local

_numbers = itertools.count(1)


@pytest.fixture
def tx() -> str:
    return f"w{next(_numbers):06d}"


@pytest.fixture(scope="module")
def credit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Saga]:
    with (
        running_databases("credit") as databases,
        running_saga(databases, tmp_path_factory.mktemp("credit")) as saga,
    ):
        yield saga


@pytest.fixture(scope="module")
def transfer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Saga]:
    with (
        running_databases("transfer") as databases,
        running_saga(databases, tmp_path_factory.mktemp("transfer")) as saga,
    ):
        yield saga


def points_of(workload: str) -> list[tuple[str, str]]:
    system = load_system(FOLDER, Selection(workload=workload))
    return [(name, point) for name, w in system.workers.items() for point in w.crash_points]


def die_and_come_back(worker: RunningWorker, point: str) -> None:
    until(worker.has_crashed, 5, f"{worker.name} dies at {point}")
    worker.crash_file.unlink()
    worker.start()
    worker.wait_ready()


# ---------------------------------------------------------------- credit

APPROVED = [("reserve", "applied", 300), ("approve", "applied", 1)]
RELEASED = [("reserve", "applied", 300), ("reserve", "undone", 300)]


def order(saga: Saga, tx: str, customer: str = "ann") -> tuple[int, Json]:
    return saga.submit("orders", {"tx": tx, "customer": customer, "total": 300})


def test_order_is_pending_at_once_and_approved_when_credit_is_set_aside(
    credit: Saga, tx: str
) -> None:
    assert order(credit, tx) == (202, {"tx": tx, "status": "PENDING"})
    assert credit.wait_ended(tx) == "APPROVED"
    assert credit.effects(tx) == APPROVED
    assert credit.log(tx) == ["STARTED", "RESERVED", "APPROVED"]
    assert order(credit, tx) == (201, {"tx": tx, "status": "APPROVED"})
    assert credit.effects(tx) == APPROVED


def test_order_over_the_limit_is_rejected_and_leaves_nothing(credit: Saga, tx: str) -> None:
    assert order(credit, tx, "zoe")[0] == 202
    assert credit.wait_ended(tx) == "REJECTED"
    assert credit.effects(tx) == []
    assert order(credit, tx, "zoe")[0] == 409


def test_no_customer_gets_more_than_the_limit_however_many_ask_at_once(credit: Saga) -> None:
    ids = [f"many-{number}" for number in range(12)]
    threads = [threading.Thread(target=order, args=(credit, one, "xena")) for one in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ends = [credit.wait_ended(one) for one in ids]
    assert ends.count("APPROVED") == 2000 // 300
    reserved = "select reserved from customers where customer = 'xena'"
    assert credit.databases.rows("customers-db", reserved) == [(1800,)]


@pytest.mark.parametrize("body", [{"customer": "ann", "total": 0}, {"customer": "ann"}])
def test_order_that_makes_no_sense_is_not_placed(credit: Saga, tx: str, body: Json) -> None:
    assert credit.submit("orders", {"tx": tx, **body})[0] == 422
    assert credit.status(tx) == "UNKNOWN"


def test_release_before_its_reserve_bars_it(credit: Saga, tx: str) -> None:
    url = credit.workers["customers"].url
    assert post(f"{url}/release", {"tx": tx}) == (200, {"answer": "empty"})
    body = {"tx": tx, "customer": "ann", "amount": 300}
    assert post(f"{url}/reserve", body) == (409, {"answer": "barred"})
    assert credit.effects(tx) == []


def test_release_frees_the_credit_once(credit: Saga, tx: str) -> None:
    url = credit.workers["customers"].url
    reserved = "select reserved from customers where customer = 'ben'"
    before = credit.databases.rows("customers-db", reserved)
    body = {"tx": tx, "customer": "ben", "amount": 300}
    assert [post(f"{url}/reserve", body)[0] for _ in range(2)] == [200, 200]
    assert [post(f"{url}/release", {"tx": tx}) for _ in range(2)] == [
        (200, {"answer": "undone"})
    ] * 2
    assert credit.databases.rows("customers-db", reserved) == before
    assert credit.effects(tx) == RELEASED


@pytest.mark.parametrize(("name", "point"), points_of("credit"))
def test_order_ends_after_a_worker_was_killed_at(
    credit: Saga, tx: str, name: str, point: str
) -> None:
    customer = "zoe" if "rejected" in point else "ann"
    worker = credit.workers[name]
    worker.arm(point, tx=tx)
    order(credit, tx, customer)
    die_and_come_back(worker, point)
    if point == "before-log-started":
        assert credit.status(tx) == "UNKNOWN"
        order(credit, tx, customer)
    expected = [("REJECTED", []) if customer == "zoe" else ("APPROVED", APPROVED)]
    if name == "customers":
        # Back only after the action's budget, it finds its reservation released.
        expected += [("REJECTED", []), ("REJECTED", RELEASED)]
    assert (credit.wait_ended(tx), credit.effects(tx)) in expected


# ---------------------------------------------------------------- transfer

COMPLETED = [("withdraw", "applied", -300), ("deposit", "applied", 300), ("complete", "applied", 1)]
RETURNED = [("withdraw", "applied", -300), ("withdraw", "undone", -300)]


def move(
    saga: Saga, tx: str, *, payer: str = "ann", payee: str = "ben", amount: int = 300,
    from_bank: str = "bank-a", to_bank: str = "bank-b",
) -> tuple[int, Json]:  # fmt: skip
    body = {"payer": payer, "payee": payee, "from_bank": from_bank, "to_bank": to_bank}
    return saga.submit("transfers", {"tx": tx, "amount": amount, **body})


def snapshot(saga: Saga, bank: str) -> Json:
    status, body = get(f"{saga.workers[bank].url}/snapshot")
    assert status == 200
    return body


@pytest.mark.parametrize(("source", "target"), [("bank-a", "bank-b"), ("bank-b", "bank-a")])
def test_money_goes_from_one_bank_to_the_other_either_way(
    transfer: Saga, tx: str, source: str, target: str
) -> None:
    before = {bank: snapshot(transfer, bank) for bank in (source, target)}
    assert move(transfer, tx, from_bank=source, to_bank=target)[0] == 201
    after = {bank: snapshot(transfer, bank) for bank in (source, target)}
    assert after[source]["balances"]["ann"] == before[source]["balances"]["ann"] - 300
    assert after[target]["balances"]["ben"] == before[target]["balances"]["ben"] + 300
    assert sum(a["total"] for a in after.values()) == 2_000_000_000
    assert transfer.effects(tx) == COMPLETED
    assert transfer.log(tx) == ["STARTED", "WITHDRAWN", "DEPOSITED", "COMPLETED"]


def test_transfer_without_money_is_rejected_and_leaves_nothing(transfer: Saga, tx: str) -> None:
    assert move(transfer, tx, payer="zoe")[0] == 409
    assert transfer.effects(tx) == []


@pytest.mark.parametrize("payee", ["walt", "nobody"])
def test_transfer_that_nobody_can_take_is_returned(transfer: Saga, tx: str, payee: str) -> None:
    before = snapshot(transfer, "bank-a")["balances"]
    assert move(transfer, tx, payee=payee)[0] == 409
    assert transfer.effects(tx) == RETURNED
    assert transfer.log(tx) == ["STARTED", "WITHDRAWN", "RETURNING", "REJECTED"]
    after = snapshot(transfer, "bank-a")
    assert after["balances"] == before
    assert tx not in after["transactions"]


@pytest.mark.parametrize(
    "wrong", [{"to_bank": "bank-a"}, {"from_bank": "bank-c"}, {"amount": 0}, {"amount": -5}]
)
def test_transfer_that_makes_no_sense_is_not_placed(transfer: Saga, tx: str, wrong: Json) -> None:
    assert move(transfer, tx, **wrong)[0] == 422
    assert transfer.status(tx) == "UNKNOWN"


def test_snapshot_lists_exactly_the_transactions_whose_effect_is_in_the_total(
    transfer: Saga,
) -> None:
    before = snapshot(transfer, "bank-a")
    ids = [f"snap-{number}" for number in range(40)]
    threads = [
        threading.Thread(target=move, args=(transfer, one), kwargs={"amount": 1}) for one in ids
    ]
    for thread in threads:
        thread.start()
    seen: list[int] = []
    while any(thread.is_alive() for thread in threads):
        found = snapshot(transfer, "bank-a")
        new = set(found["transactions"]) - set(before["transactions"])
        assert new <= set(ids)
        assert found["total"] == before["total"] - len(new)
        seen.append(len(new))
    assert seen == sorted(seen)
    assert {transfer.wait_ended(one) for one in ids} == {"COMPLETED"}


def test_deposit_is_asked_for_until_the_bank_is_back(transfer: Saga, tx: str) -> None:
    bank = transfer.workers["bank-b"]
    bank.stop()
    assert move(transfer, tx)[0] == 202
    story = transfer.coordinator
    asked_often = "deposit not answered, attempt 9"
    until(lambda: any(asked_often in line for line in story.story(tx)), 15, "asked nine times")
    assert transfer.log(tx) == ["STARTED", "WITHDRAWN"]
    bank.start()
    bank.wait_ready()
    assert (transfer.wait_ended(tx), transfer.effects(tx)) == ("COMPLETED", COMPLETED)


@pytest.mark.parametrize(("name", "point"), points_of("transfer"))
def test_transfer_ends_after_a_worker_was_killed_at(
    transfer: Saga, tx: str, name: str, point: str
) -> None:
    is_way_back = "return" in point or "reject" in point
    payee = "walt" if is_way_back else "ben"
    there = {"from_bank": "bank-a", "to_bank": "bank-b"}
    back = {"from_bank": "bank-b", "to_bank": "bank-a"}
    # bank-b withdraws and returns in one direction only, bank-a in the other.
    fields: dict[str, Any] = back if (name == "bank-b") != point.startswith("deposit") else there
    worker = transfer.workers[name]
    worker.arm(point, tx=tx)
    thread = threading.Thread(
        target=move, args=(transfer, tx), kwargs={"payee": payee, **fields}, daemon=True
    )
    thread.start()
    die_and_come_back(worker, point)
    thread.join()
    if point == "before-log-started":
        assert transfer.status(tx) == "UNKNOWN"
        move(transfer, tx, payee=payee, **fields)
    expected = [("REJECTED", RETURNED) if is_way_back else ("COMPLETED", COMPLETED)]
    if point.startswith("withdraw"):
        # Back only after the action's budget, the bank finds its withdrawal returned.
        expected += [("REJECTED", []), ("REJECTED", RETURNED)]
    assert (transfer.wait_ended(tx), transfer.effects(tx)) in expected


def test_no_worker_wrote_a_traceback(credit: Saga, transfer: Saga) -> None:
    for worker in (*credit.workers.values(), *transfer.workers.values()):
        assert [line for line in worker.lines if line.startswith("Traceback")] == []
