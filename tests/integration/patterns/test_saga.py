"""The saga with real databases and processes: answers, idempotence, the barrier, recovery after crashes."""

import itertools
import re
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from dtx.config.loader import load_system
from tests.integration.patterns.saga_system import FOLDER, RunningWorker, Saga, get, post, until

pytestmark = pytest.mark.local

CONFIRMED = [("debit", "applied", 300), ("reserve", "applied", 2), ("confirm", "applied", 1)]
REFUNDED = [("debit", "applied", 300), ("debit", "undone", 300)]

_numbers = itertools.count(1)
_ORDERS = load_system(FOLDER).workers["orders"]
_PARTICIPANT_POINTS = [
    (name, point)
    for name in ("payments", "inventory")
    for point in load_system(FOLDER).workers[name].crash_points
]


@pytest.fixture
def tx() -> str:
    return f"t{next(_numbers):06d}"


def restarted(worker: RunningWorker) -> None:
    worker.crash_file.unlink(missing_ok=True)
    worker.start()
    worker.wait_ready()


def place_in_background(saga: Saga, tx: str, **fields: str) -> threading.Thread:
    thread = threading.Thread(target=saga.place, args=(tx,), kwargs=fields, daemon=True)
    thread.start()
    return thread


# ---------------------------------------------------------------- answers


def test_order_that_can_be_paid_and_delivered_is_confirmed(saga: Saga, tx: str) -> None:
    assert saga.place(tx) == (201, {"tx": tx, "status": "CONFIRMED"})
    assert saga.effects(tx) == CONFIRMED
    assert saga.log(tx) == ["STARTED", "DEBITED", "RESERVED", "CONFIRMED"]


def test_order_without_money_is_rejected_and_leaves_nothing(saga: Saga, tx: str) -> None:
    assert saga.place(tx, customer="zoe")[0] == 409
    assert saga.effects(tx) == []
    assert saga.log(tx) == ["STARTED", "REJECTED"]


def test_order_out_of_stock_is_rejected_and_its_money_is_given_back(saga: Saga, tx: str) -> None:
    while saga.place(f"buys-{next(_numbers)}", sku="truffle")[0] == 201:
        pass
    assert saga.place(tx, sku="truffle")[0] == 409
    assert saga.effects(tx) == REFUNDED
    assert saga.log(tx) == ["STARTED", "DEBITED", "REFUNDING", "REJECTED"]


@pytest.mark.parametrize(
    ("customer", "sku", "status"), [("ann", "apple", 201), ("zoe", "apple", 409)]
)
def test_order_placed_again_gets_the_same_answer_and_no_second_effect(
    saga: Saga, tx: str, customer: str, sku: str, status: int
) -> None:
    answers = [saga.place(tx, customer=customer, sku=sku) for _ in range(3)]
    assert [answer[0] for answer in answers] == [status] * 3
    assert len(saga.effects(tx)) in {0, 3}
    assert len(saga.log(tx)) == len(set(saga.log(tx)))


def test_order_placed_twice_at_once_runs_one_saga(saga: Saga, tx: str) -> None:
    threads = [place_in_background(saga, tx) for _ in range(8)]
    for thread in threads:
        thread.join()
    assert saga.effects(tx) == CONFIRMED
    assert saga.log(tx) == ["STARTED", "DEBITED", "RESERVED", "CONFIRMED"]


def test_transaction_is_told_from_committed_state(saga: Saga, tx: str) -> None:
    url = f"{saga.orders.url}/transactions/{tx}"
    assert get(url) == (404, {"tx": tx, "status": "UNKNOWN"})
    saga.place(tx)
    status, body = get(url)
    assert (status, body["status"], body["state"]) == (200, "CONFIRMED", "CONFIRMED")


def test_order_that_makes_no_sense_is_not_placed(saga: Saga, tx: str) -> None:
    body = {"tx": tx, "customer": "ann", "sku": "apple", "quantity": 0, "price": 150}
    assert post(f"{saga.orders.url}/orders", body)[0] == 422
    assert saga.status(tx) == "UNKNOWN"


# ---------------------------------------------------------------- the barrier


def ask(worker: RunningWorker, request: str, tx: str) -> tuple[int, str]:
    bodies = {
        "debit": {"tx": tx, "customer": "ann", "amount": 300},
        "reserve": {"tx": tx, "sku": "apple", "quantity": 2},
    }
    status, body = post(f"{worker.url}/{request}", bodies.get(request, {"tx": tx}))
    return status, body["answer"]


BOTH = pytest.mark.parametrize(
    ("name", "action", "compensation"),
    [("payments", "debit", "refund"), ("inventory", "reserve", "release")],
)


@BOTH
def test_repeated_action_and_compensation_take_effect_once(
    saga: Saga, tx: str, name: str, action: str, compensation: str
) -> None:
    worker = saga.workers[name]
    assert [ask(worker, action, tx) for _ in range(2)] == [(200, "done")] * 2
    assert [ask(worker, compensation, tx) for _ in range(2)] == [(200, "undone")] * 2
    assert [effect for _, effect, _ in saga.effects(tx)] == ["applied", "undone"]


@BOTH
def test_compensation_before_its_action_is_empty_and_bars_the_action(
    saga: Saga, tx: str, name: str, action: str, compensation: str
) -> None:
    worker = saga.workers[name]
    assert ask(worker, compensation, tx) == (200, "empty")
    assert ask(worker, action, tx) == (409, "barred")
    assert ask(worker, compensation, tx) == (200, "empty")
    assert saga.effects(tx) == []


@BOTH
def test_action_after_its_compensation_stays_undone(
    saga: Saga, tx: str, name: str, action: str, compensation: str
) -> None:
    worker = saga.workers[name]
    ask(worker, action, tx)
    ask(worker, compensation, tx)
    # The repeat is told what its first copy was told, and does nothing.
    assert ask(worker, action, tx) == (200, "done")
    assert [effect for _, effect, _ in saga.effects(tx)] == ["applied", "undone"]


def test_action_and_compensation_at_the_same_time_end_in_order(saga: Saga) -> None:
    ids = [f"race-{number}" for number in range(40)]
    threads = [
        threading.Thread(target=ask, args=(saga.payments, request, tx))
        for tx in ids
        for request in ("debit", "refund")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for tx in ids:
        assert [effect for _, effect, _ in saga.effects(tx)] in ([], ["applied", "undone"])


# ---------------------------------------------------------------- crashes


@pytest.fixture
def sold_out(saga: Saga) -> str:
    """A product that is out of stock."""
    while saga.place(f"buys-{next(_numbers)}", sku="truffle")[0] == 201:
        pass
    return "truffle"


def _order_for(point: str, sold_out: str) -> dict[str, str]:
    """An order whose saga passes the point."""
    is_way_back = re.search("refund|reject", point) is not None
    return {"sku": sold_out if is_way_back else "apple"}


@pytest.mark.parametrize("point", _ORDERS.crash_points)
def test_saga_ends_after_orders_was_killed_at(
    saga: Saga, tx: str, sold_out: str, point: str
) -> None:
    fields = _order_for(point, sold_out)
    saga.orders.arm(point, tx=tx)
    assert saga.place(tx, **fields)[0] == 0
    until(saga.orders.has_crashed, 5, f"orders dies at {point}")
    assert saga.orders.crash_file.read_text().endswith(f"\nreached {tx}\n")
    restarted(saga.orders)
    if point == "before-log-started":
        assert saga.status(tx) == "UNKNOWN"
        saga.place(tx, **fields)
    expected = ("CONFIRMED", CONFIRMED) if fields["sku"] == "apple" else ("REJECTED", REFUNDED)
    assert (saga.wait_ended(tx), saga.effects(tx)) == expected


@pytest.mark.parametrize(("name", "point"), _PARTICIPANT_POINTS)
def test_saga_ends_after_a_participant_was_killed_at(
    saga: Saga, tx: str, sold_out: str, name: str, point: str
) -> None:
    fields = _order_for(point, sold_out)
    worker = saga.workers[name]
    worker.arm(point, tx=tx)
    placed = place_in_background(saga, tx, **fields)
    until(worker.has_crashed, 5, f"{name} dies at {point}")
    restarted(worker)
    placed.join()
    end, effects = saga.wait_ended(tx, within_s=30), saga.effects(tx)
    if end == "CONFIRMED":
        assert (fields["sku"], effects) == ("apple", CONFIRMED)
    else:
        # Also an order that could be had, if the participant was away for longer than it is asked.
        applied = [(step, amount) for step, effect, amount in effects if effect == "applied"]
        undone = [(step, amount) for step, effect, amount in effects if effect == "undone"]
        assert (end, sorted(undone)) == ("REJECTED", sorted(applied))


def test_crash_point_fires_at_the_nth_pass_only(saga: Saga) -> None:
    saga.orders.arm("after-log-debited", nth=3)
    ids = [f"nth-{number}" for number in range(3)]
    assert [saga.place(tx)[0] for tx in ids] == [201, 201, 0]
    until(saga.orders.has_crashed, 5, "orders dies")
    assert saga.orders.crash_file.read_text().endswith("reached nth-2\n")
    # Started again with the file still there, it passes alive.
    saga.orders.start()
    saga.orders.wait_ready()
    assert saga.wait_ended("nth-2") == "CONFIRMED"
    assert saga.place("nth-3")[0] == 201
    saga.orders.crash_file.unlink()


# ---------------------------------------------------------------- whole outages


@pytest.fixture
def server_back(saga: Saga) -> Iterator[None]:
    yield
    if not saga.databases.answers():
        saga.databases.server.start()
        until(saga.databases.answers, 10, "PostgreSQL answers")


def test_sagas_end_after_all_databases_were_killed_under_load(
    saga: Saga, server_back: None
) -> None:
    ids = [f"outage-{number:03d}" for number in range(60)]
    threads = []
    for number, tx in enumerate(ids):
        threads.append(place_in_background(saga, tx))
        if number == 20:
            saga.databases.server.kill()
        if number == 40:
            saga.databases.server.start()
        time.sleep(0.02)
    for thread in threads:
        thread.join()
    until(saga.databases.answers, 10, "PostgreSQL answers")
    until(lambda: saga.place(f"after-{next(_numbers)}")[0] == 201, 30, "orders are taken again")
    for tx in ids:
        if saga.status(tx) != "UNKNOWN":
            end = saga.wait_ended(tx)
            assert (end, len(saga.effects(tx))) in {
                ("CONFIRMED", 3),
                ("REJECTED", 2),
                ("REJECTED", 0),
            }


def test_worker_ends_at_sigterm(saga: Saga) -> None:
    saga.payments.stop(signal.SIGTERM)
    assert not saga.payments.is_alive()
    restarted(saga.payments)


def test_no_worker_wrote_a_traceback(saga: Saga) -> None:
    for worker in saga.workers.values():
        assert [line for line in worker.lines if line.startswith("Traceback")] == []
