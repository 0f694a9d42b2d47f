"""Who waited for whom, in the report."""

import io

import pytest
from rich.console import Console

from dtx.core.verdict import Deadlock, StoryLine, WaitedFor, WaitingSummary
from dtx.report.deadlocks import deadlock_lines, in_short
from tests.support.verdicts import make_holds, make_window

DEADLOCK = Deadlock(
    at_s=1.2,
    lasted_s=0.41,
    is_broken=True,
    waits=(
        WaitedFor(waiter="t17", holder="t23", database="bank-a-db", what="account ann"),
        WaitedFor(waiter="t23", holder="t17", database="bank-b-db"),
    ),
    ended={"t17": "not committed, its client told refused", "t23": "committed, its client told ok"},
    first_word=StoryLine(at_s=1.63, who="tm", what="tx=t17 abort: lock timeout"),
)
WAITING = WaitingSummary(
    waits=7, longest_s=0.8, deadlocks=4, unseen_by_servers=3, unbroken=0,
    longest_deadlock_s=0.5, transactions=8, lost=4, shown=(DEADLOCK,),
)  # fmt: skip


def told(waiting: WaitingSummary | None, **changes: object) -> list[str]:
    console = Console(file=io.StringIO(), width=200)
    for part in deadlock_lines(make_holds(waiting=waiting, **changes)):
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    return [line.strip() for line in console.file.getvalue().splitlines()]


def test_a_deadlock_is_told_by_name() -> None:
    lines = told(WAITING)
    assert "at 1.20 s, for 0.41 s or longer:" in lines
    assert "t17 waited for t23 in bank-a-db (account ann)" in lines
    assert "t23 waited for t17 in bank-b-db" in lines
    assert "then, at 1.63 s, tm said: tx=t17 abort: lock timeout" in lines
    assert "and 3 more" in lines


def test_a_deadlock_that_nothing_broke_says_so() -> None:
    unbroken = Deadlock(at_s=1.0, lasted_s=9.0, is_broken=False, waits=DEADLOCK.waits, ended={})
    assert "nothing broke it" in told(
        WaitingSummary(waits=2, longest_s=9.0, deadlocks=1, unbroken=1, shown=(unbroken,))
    )


@pytest.mark.parametrize(
    ("waiting", "words"),
    [
        (
            WaitingSummary(
                waits=2,
                longest_s=0.4,
                deadlocks=1,
                unseen_by_servers=1,
                longest_deadlock_s=0.3,
                transactions=2,
                lost=1,
            ),
            (
                "2 waits for locks, the longest 0.40 s; 1 deadlock over several databases, where no server sees it,"
                " the longest 0.30 s. Of 2 transactions in them 1 did not commit."
            ),
        ),
        (WaitingSummary(), "No transaction was seen to wait for another one; no deadlock."),
        (
            WaitingSummary(waits=3, longest_s=0.31),
            "3 waits for locks, the longest 0.31 s; no deadlock.",
        ),
        (
            WAITING,
            (
                "7 waits for locks, the longest 0.80 s; 4 deadlocks (3 over several databases, where no server"
                " sees it), the longest 0.50 s. Of 8 transactions in them 4 did not commit."
            ),
        ),
    ],
)
def test_it_is_said_in_a_sentence(waiting: WaitingSummary, words: str) -> None:
    assert in_short(waiting) == words


def test_sessions_that_waited_for_a_fault_are_told_apart() -> None:
    lines = told(WaitingSummary(), coverage=(make_window(waiters=20), make_window(waiters=30)))
    assert lines[1:] == [
        "No transaction was seen to wait for another one; no deadlock.",
        "50 sessions waited for rows that a fault had locked, which counts as none of these.",
    ]


def test_nothing_is_told_of_a_system_that_does_not_say_who_waits() -> None:
    assert told(None) == []
