"""Try, confirm, cancel with real databases and processes: answers, the barrier, expiry, decisions that race."""

import asyncio
import itertools
import threading
from collections.abc import Iterator

import pytest

from dtx.config.find import find_system
from dtx.patterns.common.asking import Asker
from dtx.patterns.common.database import Database
from dtx.patterns.tcc.coordinator import Coordinator
from dtx.patterns.tcc.definition import Branch, Outcome
from dtx.patterns.tcc.participant import EXPIRES_AFTER_S
from dtx.patterns.tcc.tcc_log import State, Tcc, TccLog
from tests.integration.patterns.saga_system import (
    Databases,
    RunningWorker,
    Saga,
    post,
    running_databases,
    running_saga,
    until,
)
from tests.unit.patterns.saga_fakes import ScriptedParticipants

pytestmark = pytest.mark.local

FOLDER = find_system("tcc")
CONFIRMED = {("confirm", "applied", 300), ("confirm", "applied", 2), ("confirm", "applied", 1)}
BRANCHES = (Branch(participant="payments", body={}),)
ENDS_WITHIN_S = EXPIRES_AFTER_S + 10

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def databases() -> Iterator[Databases]:
    with running_databases(system_folder=FOLDER) as databases:
        yield databases


@pytest.fixture(scope="module")
def tcc(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Saga]:
    folder = tmp_path_factory.mktemp("tcc")
    with running_saga(databases, folder, system_folder=FOLDER) as running:
        yield running


@pytest.fixture
def tx() -> str:
    return f"t{next(_numbers):06d}"


def log_of(databases: Databases, tx: str) -> list[str]:
    query = f"select entry from transaction_log where tx = '{tx}' order by seq"
    return [entry.partition(":")[0] for (entry,) in databases.rows("log-db", query)]


def frozen(databases: Databases) -> list[tuple[str, int]]:
    money = databases.rows("payments-db", "select customer, frozen from accounts where frozen <> 0")
    stock = databases.rows("inventory-db", "select sku, frozen from stock where frozen <> 0")
    return money + stock


def ask(worker: RunningWorker, name: str, tx: str) -> tuple[int, str]:
    status, body = post(f"{worker.url}/{name}", {"tx": tx, "customer": "ann", "amount": 300})
    return status, body["answer"]


def die_at(tcc: Saga, worker: str, point: str, tx: str) -> threading.Thread:
    """Place an order in which the worker dies; the thread ends when the client is answered."""
    tcc.workers[worker].arm(point, tx=tx)
    thread = threading.Thread(target=tcc.place, args=(tx,), daemon=True)
    thread.start()
    until(tcc.workers[worker].has_crashed, 10, f"{worker} dies at {point}")
    return thread


def restart(worker: RunningWorker) -> None:
    worker.crash_file.unlink(missing_ok=True)
    worker.start()
    worker.wait_ready()


# ---------------------------------------------------------------- answers


def test_order_that_can_be_paid_and_delivered_is_confirmed(tcc: Saga, tx: str) -> None:
    assert tcc.place(tx) == (201, {"tx": tx, "status": "CONFIRMED"})
    assert set(tcc.effects(tx)) == CONFIRMED
    assert log_of(tcc.databases, tx) == ["TRYING", "CONFIRMING", "CONFIRMED"]
    assert frozen(tcc.databases) == []


def test_order_without_money_is_rejected_and_frees_its_stock(tcc: Saga, tx: str) -> None:
    assert tcc.place(tx, customer="zoe")[0] == 409
    tcc.wait_ended(tx)
    assert tcc.effects(tx) == []
    assert log_of(tcc.databases, tx) == ["TRYING", "CANCELLING", "CANCELLED"]
    assert frozen(tcc.databases) == []


def test_order_placed_again_gets_the_same_answer_and_no_second_effect(tcc: Saga, tx: str) -> None:
    assert [tcc.place(tx)[0] for _ in range(3)] == [201] * 3
    assert len(tcc.effects(tx)) == 3


# ---------------------------------------------------------------- a participant alone


def test_repeats_of_each_phase_take_effect_once(tcc: Saga, tx: str) -> None:
    assert [ask(tcc.payments, "try", tx) for _ in range(2)] == [(200, "done")] * 2
    assert frozen(tcc.databases) == [("ann", 300)]
    assert [ask(tcc.payments, "confirm", tx) for _ in range(2)] == [(200, "done")] * 2
    assert tcc.effects(tx) == [("confirm", "applied", 300)]
    assert frozen(tcc.databases) == []


def test_cancel_before_its_try_is_empty_and_bars_the_try(tcc: Saga, tx: str) -> None:
    assert ask(tcc.payments, "cancel", tx) == (200, "empty")
    assert ask(tcc.payments, "try", tx) == (409, "barred")
    assert frozen(tcc.databases) == []


def test_neither_cancel_after_confirm_nor_confirm_without_a_try_does_anything(
    tcc: Saga, tx: str
) -> None:
    other = f"{tx}-other"
    assert ask(tcc.payments, "confirm", other) == (409, "barred")
    ask(tcc.payments, "try", tx)
    ask(tcc.payments, "confirm", tx)
    assert ask(tcc.payments, "cancel", tx) == (409, "barred")
    assert tcc.effects(tx) == [("confirm", "applied", 300)]
    assert tcc.effects(other) == []


# ---------------------------------------------------------------- reservations that expire


def test_reservation_that_no_coordinator_knows_is_freed_when_it_expires(tcc: Saga, tx: str) -> None:
    ask(tcc.payments, "try", tx)
    assert frozen(tcc.databases) == [("ann", 300)]
    until(lambda: frozen(tcc.databases) == [], ENDS_WITHIN_S, "the reservation is freed")
    assert ask(tcc.payments, "try", tx) == (200, "done"), "the recorded answer, nothing more"
    assert frozen(tcc.databases) == []


def test_what_is_decided_is_confirmed_however_late_and_kept_until_then(tcc: Saga, tx: str) -> None:
    die_at(tcc, "checkout", "after-log-confirming", tx)
    until(
        lambda: any("kept" in line for line in tcc.payments.story(tx)),
        ENDS_WITHIN_S, "the expired reservation is kept, since nobody says that it may be freed",
    )  # fmt: skip
    restart(tcc.coordinator)
    until(lambda: set(tcc.effects(tx)) == CONFIRMED, 10, "all have confirmed")
    assert frozen(tcc.databases) == []


def test_what_a_dead_coordinator_had_not_decided_is_cancelled(tcc: Saga, tx: str) -> None:
    die_at(tcc, "checkout", "before-log-confirming", tx)
    assert frozen(tcc.databases) == [("ann", 300), ("apple", 2)]
    until(
        lambda: any("kept" in line for line in tcc.payments.story(tx)),
        ENDS_WITHIN_S, "the reservation has expired",
    )  # fmt: skip
    restart(tcc.coordinator)
    until(lambda: frozen(tcc.databases) == [], 10, "all is freed")
    assert tcc.wait_ended(tx) == "REJECTED"
    assert tcc.effects(tx) == []


def test_participant_that_died_in_its_confirm_confirms_once(tcc: Saga, tx: str) -> None:
    die_at(tcc, "payments", "confirm-after-commit", tx)
    restart(tcc.payments)
    until(lambda: log_of(tcc.databases, tx)[-1] == "CONFIRMED", 10, "all have confirmed")
    assert set(tcc.effects(tx)) == CONFIRMED
    assert len(tcc.effects(tx)) == 3


# ---------------------------------------------------------------- decisions that race


def test_of_confirm_and_cancel_that_race_one_is_the_decision(databases: Databases) -> None:
    async def main() -> list[Tcc | None]:
        async with Database(databases.url("log-db")) as database:
            log = TccLog(database)
            assert await log.start("race", BRANCHES)
            tcc = Tcc(tx="race", state=State.TRYING, branches=BRANCHES)
            ends = (State.CONFIRMING, State.CANCELLING) * 4
            return list(await asyncio.gather(*(log.move(tcc, new, "by one") for new in ends)))

    assert len([moved for moved in asyncio.run(main()) if moved]) == 1
    assert len(log_of(databases, "race")) == 2


def test_inquiry_after_the_time_to_decide_wins_over_a_confirm(databases: Databases) -> None:
    async def main() -> None:
        async with Database(databases.url("log-db")) as database:
            log = TccLog(database)
            coordinator = Coordinator(log, Asker(ScriptedParticipants()))
            await log.start("late", BRANCHES)
            assert await coordinator.outcome("late") is Outcome.UNDECIDED
            await database.execute("update transactions set decide_by = now() where tx = 'late'")
            tcc = Tcc(tx="late", state=State.TRYING, branches=BRANCHES)
            assert await log.move(tcc, State.CONFIRMING, "too late") is None
            assert await coordinator.outcome("late") is Outcome.CANCEL
            assert await log.load("late") == Tcc(
                tx="late", state=State.CANCELLING, branches=BRANCHES, is_late=True
            )

    asyncio.run(main())


def test_decision_in_time_wins_over_an_inquiry(databases: Databases) -> None:
    async def main() -> None:
        async with Database(databases.url("log-db")) as database:
            log = TccLog(database)
            await log.start("in-time", BRANCHES)
            tcc = Tcc(tx="in-time", state=State.TRYING, branches=BRANCHES)
            assert await log.move(tcc, State.CONFIRMING, "all have reserved")
            await database.execute("update transactions set decide_by = now() where tx = 'in-time'")
            outcome = await Coordinator(log, Asker(ScriptedParticipants())).outcome("in-time")
            assert outcome is Outcome.CONFIRM

    asyncio.run(main())
