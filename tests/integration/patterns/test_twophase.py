"""Two-phase commit on PostgreSQL and MariaDB: what the catalogues show between the phases, and how each death ends."""

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from .saga_system import until
from .twophase_system import EVERYWHERE, Manager, TwoVendors, ends

pytestmark = [pytest.mark.local, pytest.mark.mariadb]


def test_order_is_at_every_participant_once_it_is_answered(
    manager: Manager, vendors: TwoVendors
) -> None:
    status, answer = manager.place("o1")
    assert (status, answer["status"]) == (201, "CONFIRMED")
    assert vendors.effects("o1") == EVERYWHERE
    assert not vendors.prepared("o1")
    assert vendors.decision("o1") == ("commit", True)
    assert manager.status("o1") == (200, {"tx": "o1", "status": "CONFIRMED"})


def test_order_that_is_asked_for_again_is_answered_the_same_and_done_once(
    manager: Manager, vendors: TwoVendors
) -> None:
    assert manager.place("again")[0] == 201
    assert manager.place("again")[0] == 201
    assert vendors.effects("again") == EVERYWHERE


@pytest.mark.parametrize(
    ("tx", "customer", "sku"),
    [("poor", "zoe", "apple"), ("no-such", "ann", "unicorn")],
)
def test_refusal_in_the_work_leaves_nothing(
    manager: Manager, vendors: TwoVendors, tx: str, customer: str, sku: str
) -> None:
    assert manager.place(tx, customer=customer, sku=sku)[0] == 409
    assert not vendors.effects(tx)
    assert manager.status(tx)[1]["status"] == "REJECTED"


def test_no_at_prepare_leaves_nothing_at_those_that_voted_yes(
    manager: Manager, vendors: TwoVendors
) -> None:
    assert manager.place("first", sku="truffle")[0] == 201
    assert manager.place("second", sku="truffle")[0] == 409
    assert not vendors.effects("second")
    ends(vendors, "second")
    assert any("truffle is out of stock" in line for line in manager.worker.story("second"))


def test_bad_order_is_not_understood(manager: Manager) -> None:
    assert manager.place("a name with spaces")[0] == 422
    assert manager.status("x" * 40)[0] == 404


def test_order_that_was_asked_about_before_it_came_stays_rejected(
    manager: Manager, vendors: TwoVendors
) -> None:
    assert manager.status("late")[1]["status"] == "REJECTED"
    assert manager.place("late")[0] == 409
    assert not vendors.effects("late")


def test_refusals_that_were_told_are_true_after_the_log_was_killed(
    manager: Manager, vendors: TwoVendors
) -> None:
    told = [f"told-{number}" for number in range(30)]
    with ThreadPoolExecutor(4) as clients:
        answers = list(clients.map(lambda tx: manager.place(tx, customer="zoe")[0], told))
    server = vendors.postgres.server
    server.kill()
    server.start()
    assert answers == [409] * len(told)
    until(vendors.postgres.answers, 30, "PostgreSQL answers")
    until(manager.serves, 20, "the manager has its connections again")
    assert {tx: vendors.decision(tx) for tx in told} == dict.fromkeys(told, ("abort", False))
    # It could be done for ann: only what was told speaks against it.
    assert manager.place(told[-1], customer="ann")[0] == 409


def test_manager_stopped_between_the_phases_leaves_branches_in_both_vendors_catalogues(
    manager: Manager, vendors: TwoVendors
) -> None:
    manager.crash_at("after-prepare-all", "between")
    prepared = vendors.prepared("between")
    assert set(prepared) == EVERYWHERE
    assert all(len(names) == 1 for names in prepared.values())
    assert not vendors.effects("between")
    assert vendors.decision("between") is None
    manager.restart()
    ends(vendors, "between")
    assert vendors.decision("between") == ("abort", False)
    assert not vendors.effects("between")


def test_death_right_after_the_decision_ends_as_a_commit(
    manager: Manager, vendors: TwoVendors
) -> None:
    manager.crash_at("after-decision", "decided")
    assert set(vendors.prepared("decided")) == EVERYWHERE
    assert vendors.decision("decided") == ("commit", False)
    manager.restart()
    ends(vendors, "decided")
    assert vendors.effects("decided") == EVERYWHERE
    until(lambda: vendors.decision("decided") == ("commit", True), 10, "it is forgotten")


@pytest.mark.parametrize("point", ["before-prepare", "after-prepare-one"])
def test_death_before_the_decision_ends_as_an_abort(
    manager: Manager, vendors: TwoVendors, point: str
) -> None:
    manager.crash_at(point, point)
    manager.restart()
    ends(vendors, point)
    assert not vendors.effects(point)


@pytest.mark.parametrize("point", ["after-commit-one", "before-forget"])
def test_death_after_the_decision_ends_as_a_commit(
    manager: Manager, vendors: TwoVendors, point: str
) -> None:
    manager.crash_at(point, point)
    manager.restart()
    ends(vendors, point)
    assert vendors.effects(point) == EVERYWHERE
    until(lambda: vendors.decision(point) == ("commit", True), 10, "it is forgotten")


def test_strangers_orphans_are_left_alone_and_stop_nobody(
    manager: Manager, vendors: TwoVendors
) -> None:
    with vendors.as_worker() as connection, connection.cursor() as cursor:
        cursor.execute("xa start X'ff00ff'")
        cursor.execute("insert into accounts values ('stranger', 1, 1, 0)")
        cursor.execute("xa end X'ff00ff'")
        cursor.execute("xa prepare X'ff00ff'")
    manager.crash_at("after-prepare-all", "beside")
    manager.restart()
    ends(vendors, "beside")
    with vendors.as_worker() as connection, connection.cursor() as cursor:
        cursor.execute("xa recover")
        assert [data for *_, data in cursor.fetchall()] == [b"\xff\x00\xff"]
        cursor.execute("xa rollback X'ff00ff'")


def test_worker_ends_quickly_when_asked(manager: Manager) -> None:
    assert manager.worker.stop(signal.SIGTERM) < 5
    manager.restart()
