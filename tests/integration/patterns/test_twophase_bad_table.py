"""A decision table that can't be used or understood: nothing is decided by guessing, and an operator sees why."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from .saga_system import until
from .twophase_system import EVERYWHERE, Manager, TwoVendors, ends

pytestmark = [pytest.mark.local, pytest.mark.mariadb]


@contextmanager
def missing(vendors: TwoVendors) -> Iterator[str]:
    vendors.do("alter table decisions rename to elsewhere", to="log-db")
    try:
        yield 'relation "decisions" does not exist'
    finally:
        vendors.do("alter table elsewhere rename to decisions", to="log-db")


@contextmanager
def not_permitted(vendors: TwoVendors) -> Iterator[str]:
    """Let the manager's sessions be somebody who may use leases, and nothing else."""
    vendors.do(
        "create role limited",
        "grant select, insert, update on leases to limited",
        to="log-db",
    )
    new_sessions = "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'log-db'"
    vendors.do('alter role dtx in database "log-db" set role = limited', new_sessions)
    try:
        yield "permission denied for table decisions"
    finally:
        vendors.do('alter role dtx in database "log-db" reset role', new_sessions)


def says(manager: Manager, text: str) -> Callable[[], bool]:
    return lambda: any(text in line for line in manager.worker.lines)


@pytest.mark.parametrize(("kind", "tx"), [(missing, "m"), (not_permitted, "p")])
def test_nothing_is_decided_while_the_table_can_t_be_used_and_all_is_once_it_can(
    manager: Manager,
    vendors: TwoVendors,
    kind: Callable[[TwoVendors], AbstractContextManager[str]],
    tx: str,
) -> None:
    with kind(vendors) as why:
        status, answer = manager.place(tx)
        assert (status, answer["status"]) == (202, "PENDING")
        assert set(vendors.prepared(tx)) == EVERYWHERE
        assert not vendors.effects(tx)
        asked = manager.status(f"{tx}-never")
        assert asked[0] == 503
        assert why in asked[1]["error"]
        assert manager.place(f"{tx}-poor", customer="zoe")[0] == 503
        until(says(manager, "decision unknown, attempt"), 10, "the order's story tells it")
    ends(vendors, tx)
    assert vendors.effects(tx) == EVERYWHERE
    assert manager.status(tx)[1]["status"] == "CONFIRMED"
    assert not vendors.effects(f"{tx}-poor")


def test_row_of_an_unknown_decision_leaves_that_one_in_doubt_and_no_other(
    manager: Manager, vendors: TwoVendors
) -> None:
    manager.crash_at("after-decision", "u1")
    vendors.do(
        "alter table decisions drop constraint decisions_decision_check",
        "alter table decisions drop constraint decisions_check",
        "update decisions set decision = 'maybe' where tx = 'u1'",
        to="log-db",
    )
    manager.restart()
    manager.worker.arm("after-decision", tx="u2")
    assert manager.place("u2", customer="dan", sku="honey")[0] == 0  # what nobody holds
    until(manager.worker.has_crashed, 5, "tm dies")
    manager.restart()
    until(says(manager, "the row of shop:u1 in decisions can't be understood"), 15, "it is told")
    ends(vendors, "u2")
    assert vendors.effects("u2") == EVERYWHERE
    assert set(vendors.prepared("u1")) == EVERYWHERE
    assert not vendors.effects("u1")
    assert manager.status("u1")[0] == 503
    assert manager.place("u3", customer="ben", sku="figs")[0] == 201, "others are decided"
    vendors.do("update decisions set decision = 'commit' where tx = 'u1'", to="log-db")
    ends(vendors, "u1")
    assert vendors.effects("u1") == EVERYWHERE
    assert manager.status("u1")[1]["status"] == "CONFIRMED"
