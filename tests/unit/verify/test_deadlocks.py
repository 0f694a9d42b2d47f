"""Circles of transactions that wait for each other, within one database and over several."""

import pytest

from dtx.core.history import Outcome, Wait
from dtx.core.verdict import WaitingSummary
from dtx.verify.deadlocks import SHOWN, find_circles
from tests.support.histories import INVENTORY, PAYMENTS, RunBuilder, mono


def wait(waiter: str, holder: str, begin_s: float, end_s: float, database: str = PAYMENTS) -> Wait:
    return Wait(
        at_ns=mono(end_s), database=database, waiter=waiter, holder=holder,
        first_ns=mono(begin_s), last_ns=mono(end_s),
    )  # fmt: skip


OPPOSITE = (wait("t1", "t2", 1.0, 2.0), wait("t2", "t1", 1.2, 1.8, INVENTORY))


def test_opposite_waits_in_two_databases_are_a_circle_while_both_last() -> None:
    [circle] = find_circles(OPPOSITE)
    assert set(circle.transactions) == {"t1", "t2"}
    assert circle.databases == {PAYMENTS, INVENTORY}
    assert (circle.begin_ns, circle.end_ns) == (mono(1.2), mono(1.8))


def test_each_holder_is_the_next_waiter_in_a_longer_circle() -> None:
    waits = [
        wait("t3", "t1", 1.3, 2.0, INVENTORY),
        wait("t1", "t2", 1.0, 2.0),
        wait("t2", "t3", 1.1, 2.0, INVENTORY),
        wait("t4", "t1", 1.0, 2.0),
        wait("t2", "t9", 1.0, 2.0),
    ]
    [circle] = find_circles(waits)
    assert circle.transactions == ("t3", "t1", "t2")
    holders = [each.holder for each in circle.waits]
    assert holders == ["t1", "t2", "t3"]


@pytest.mark.parametrize(
    "waits",
    [
        (),
        (wait("t1", "t2", 1.0, 2.0), wait("t2", "t3", 1.0, 2.0, INVENTORY)),
        # One after the other: t1 no longer waits when t2 begins to.
        (wait("t1", "t2", 1.0, 2.0), wait("t2", "t1", 2.0, 3.0, INVENTORY)),
        # Seen by one look only: it may have been over before the other began.
        (wait("t1", "t2", 1.0, 2.0), wait("t2", "t1", 1.5, 1.5, INVENTORY)),
    ],
)
def test_waits_that_are_not_there_at_once_are_no_circle(waits: tuple[Wait, ...]) -> None:
    assert find_circles(waits) == ()


def test_more_arrows_between_the_same_two_are_one_circle() -> None:
    waits = [*OPPOSITE, wait("t1", "t2", 1.3, 2.0, INVENTORY)]
    assert len(find_circles(waits)) == 1


def test_the_same_two_may_meet_again() -> None:
    again = (wait("t1", "t2", 5.0, 6.0), wait("t2", "t1", 5.2, 5.8, INVENTORY))
    assert len(find_circles([*OPPOSITE, *again])) == 2


def _judged(run: RunBuilder) -> WaitingSummary:
    waiting = run.judge().waiting
    assert waiting is not None
    return waiting


def _deadlocked() -> RunBuilder:
    run = RunBuilder()
    run.submit("t0001", 1.0)
    run.answer("t0001", Outcome.FAIL, 1.9)
    run.commit("t0002", 1.0)
    run.wait_for("t0001", "t0002", 1.1, 1.8, database=PAYMENTS, what="account ann")
    run.wait_for("t0002", "t0001", 1.2, 1.8, database=INVENTORY)
    run.log("orders", 1.05, "tx=t0001 began")
    run.log("orders", 1.85, "tx=t0001 gave up: lock time-out")
    run.log("orders", 1.9, "tx=t0002 goes on")
    return run


def test_a_deadlock_is_told_with_its_waits_its_end_and_what_broke_it() -> None:
    waiting = _judged(_deadlocked())
    assert (waiting.deadlocks, waiting.unseen_by_servers, waiting.unbroken) == (1, 1, 0)
    assert (waiting.waits, waiting.transactions, waiting.lost) == (2, 2, 1)
    [deadlock] = waiting.shown
    assert (deadlock.at_s, deadlock.lasted_s) == (1.2, 0.6)
    told = {(w.waiter, w.holder, w.database, w.what) for w in deadlock.waits}
    assert told == {
        ("t0001", "t0002", PAYMENTS, "account ann"),
        ("t0002", "t0001", INVENTORY, ""),
    }
    word = deadlock.first_word
    assert word is not None
    assert (word.at_s, word.who, word.what) == (1.85, "orders", "gave up: lock time-out")
    assert deadlock.ended == {
        "t0001": "not committed, its client told refused",
        "t0002": "committed, its client told ok",
    }


def test_waits_are_in_the_stories_of_waiter_and_holder() -> None:
    story = _deadlocked().judge().stories["t0001"]
    told = [(line.at_s, line.who, line.what) for line in story]
    assert (1.1, PAYMENTS, "waits for t0002 (account ann), 0.70 s or longer") in told
    assert (1.2, INVENTORY, "keeps t0002 waiting, 0.60 s or longer") in told


def test_a_deadlock_that_outlives_the_run_is_unbroken() -> None:
    run = RunBuilder()
    run.commit("t0001")
    run.commit("t0002")
    run.wait_for("t0001", "t0002", 1.0, 9.0, database=PAYMENTS, is_over=False)
    run.wait_for("t0002", "t0001", 1.0, 9.0, database=INVENTORY, is_over=False)
    waiting = _judged(run)
    assert waiting.unbroken == 1
    assert not waiting.shown[0].is_broken


def test_waits_without_a_circle_are_counted() -> None:
    run = RunBuilder()
    run.wait_for("t0001", "t0002", 1.0, 1.5, database=PAYMENTS)
    waiting = _judged(run)
    assert (waiting.waits, waiting.longest_s, waiting.deadlocks) == (1, 0.5, 0)


def test_of_many_deadlocks_a_few_are_told_and_all_are_counted() -> None:
    run = RunBuilder()
    for number in range(SHOWN + 2):
        first, second = f"t{number}a", f"t{number}b"
        for tx in (first, second):
            run.commit(tx, 1.0 + number / 10)
        run.wait_for(first, second, 2.0, 3.0, database=PAYMENTS)
        run.wait_for(second, first, 2.0, 3.0, database=INVENTORY)
    waiting = _judged(run)
    assert (waiting.deadlocks, len(waiting.shown)) == (SHOWN + 2, SHOWN)


def test_a_system_that_shows_no_waits_has_nothing_to_tell() -> None:
    run = RunBuilder()
    run.commit("t0001")
    assert run.judge().waiting is None
