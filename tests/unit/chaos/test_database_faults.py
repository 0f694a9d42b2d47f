"""Windows of terminate-backends and lock: what is asked of the database, and the evidence."""

import pytest

from dtx.core.history import FaultPhase
from tests.unit.chaos.worlds import World


@pytest.fixture
def world() -> World:
    return World()


def test_sessions_end_at_once_and_again_every_half_second(world: World) -> None:
    healed = world.run("terminate-backends", "payments-db", at_s=1, until_s=2.9)
    assert healed.is_healed
    (evidence,) = healed.nodes
    assert len(world.sessions.calls) == 4
    assert (evidence.connections, evidence.sessions, evidence.busy) == (3, 12, 4)


def test_the_first_end_waits_for_a_transaction(world: World) -> None:
    world.in_flight.now = 0
    world.timer.at(world.seconds(1.1), lambda: setattr(world.in_flight, "now", 1))
    world.run("terminate-backends", "payments-db")
    (injected,) = world.recorder.faults(FaultPhase.INJECTED)
    assert injected.in_flight == 1
    assert world.seconds(1.1) <= injected.at_ns < world.seconds(1.2)


def test_idle_sessions_end_too_but_are_not_counted_as_busy(world: World) -> None:
    world.sessions.now_busy = 0
    (evidence,) = world.run("terminate-backends", "payments-db").nodes
    assert evidence.sessions >= 6
    assert evidence.busy == 0


def test_a_database_that_does_not_answer_is_not_healed(world: World) -> None:
    world.timer.at(world.seconds(2.9), lambda: setattr(world.sessions, "refuse", True))
    healed = world.run("terminate-backends", "payments-db", until_s=3)
    assert not healed.is_healed
    assert "no answer" in healed.error


def test_rows_are_held_for_the_window_and_released(world: World) -> None:
    held: dict[str, str | None] = {}
    world.timer.at(world.seconds(2), lambda: held.update(world.row_locks.held))
    healed = world.run("lock", "payments-db", arg="accounts")
    assert held == {"payments-db": "accounts"}
    assert world.row_locks.calls == ["hold payments-db", "release payments-db"]
    assert healed.is_healed
    (evidence,) = healed.nodes
    assert (evidence.table, evidence.rows, evidence.waiters) == ("accounts", 10, 2)


def test_the_busiest_table_is_the_databases_to_choose(world: World) -> None:
    held: list[str | None] = []
    world.timer.at(world.seconds(2), lambda: held.extend(world.row_locks.held.values()))
    (evidence,) = world.run("lock", "payments-db", arg="busiest").nodes
    assert held == [None]
    assert evidence.table == "accounts"


def test_each_waiter_counts_once_though_others_come(world: World) -> None:
    world.timer.at(world.seconds(2), lambda: setattr(world.row_locks, "waiters", frozenset({8, 9})))
    (evidence,) = world.run("lock", "payments-db", arg="accounts").nodes
    assert evidence.waiters == 3


def test_locks_that_could_not_be_had_are_released_all_the_same(world: World) -> None:
    world.row_locks.refuse = {"payments-db"}
    healed = world.run("lock", "orders-db", "payments-db", arg="accounts")
    assert "payments-db refuses" in healed.error
    assert not world.row_locks.held
    assert "release payments-db" in world.row_locks.calls


def test_rows_are_taken_again_while_nobody_waits_for_them(world: World) -> None:
    world.row_locks.waiters = frozenset()
    world.timer.at(world.seconds(1.5), lambda: setattr(world.row_locks, "waiters", frozenset({7})))
    (evidence,) = world.run("lock", "payments-db", arg="accounts").nodes
    again = ["hold payments-db", "release payments-db"]
    assert world.row_locks.calls[:4] == again * 2
    assert len(world.row_locks.calls) <= 12, "not any more once somebody waits"
    assert evidence.waiters == 1
