"""Waits from look to look, and what becomes of them when a database does not answer."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from dtx.core.errors import ProvisionError
from dtx.core.history import HistoryEntry, Wait
from dtx.core.observation import WaitRow
from dtx.experiment.wait_watch import Spells, WaitWatch

SECOND = 1_000_000_000


class Recorded:
    def __init__(self) -> None:
        self.waits: list[Wait] = []

    def append(self, entry: HistoryEntry) -> None:
        assert isinstance(entry, Wait)
        self.waits.append(entry)


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


def row(waiter: str, holder: str, what: str = "") -> WaitRow:
    return WaitRow(participant="a-db", waiter=waiter, holder=holder, what=what)


def look(spells: Spells, at_s: float, *rows: WaitRow) -> None:
    """Look at `at_s`; the answer takes 10 ms."""
    asked_ns = int(at_s * SECOND)
    spells.saw(rows, asked_ns=asked_ns, answered_ns=asked_ns + SECOND // 100)


def test_wait_lasts_from_the_first_answer_to_the_last_question(recorded: Recorded) -> None:
    spells = Spells("a-db", recorded)
    look(spells, 1.0, row("t1", "t2"))
    look(spells, 1.2, row("t1", "t2", "account ann"))
    look(spells, 1.4)
    [wait] = recorded.waits
    assert (wait.first_ns, wait.last_ns) == (int(1.01 * SECOND), int(1.2 * SECOND))
    assert (wait.waiter, wait.holder, wait.what, wait.is_over) == ("t1", "t2", "account ann", True)


def test_wait_seen_once_has_no_length(recorded: Recorded) -> None:
    spells = Spells("a-db", recorded)
    look(spells, 1.0, row("t1", "t2"))
    look(spells, 1.2)
    assert recorded.waits[0].first_ns == recorded.waits[0].last_ns


def test_looks_far_apart_show_two_waits(recorded: Recorded) -> None:
    spells = Spells("a-db", recorded)
    look(spells, 1.0, row("t1", "t2"))
    look(spells, 3.0, row("t1", "t2"))
    assert len(recorded.waits) == 1
    spells.close(4 * SECOND)
    assert [wait.is_over for wait in recorded.waits] == [True, False]


def test_transaction_that_waits_for_itself_is_left_out(recorded: Recorded) -> None:
    spells = Spells("a-db", recorded)
    look(spells, 1.0, row("t1", "t1"))
    spells.close(2 * SECOND)
    assert recorded.waits == []


class Scripted:
    """One database whose first session breaks, and whose second one shows a wait in each look."""

    def __init__(self) -> None:
        self.sessions = 0
        self.seen_twice = threading.Event()

    def names(self) -> Sequence[str]:
        return ("a-db",)

    @contextmanager
    def looking(self, database: str) -> Iterator[Callable[[], Sequence[WaitRow]]]:
        assert database == "a-db"
        self.sessions += 1
        looks = 0

        def look() -> Sequence[WaitRow]:
            nonlocal looks
            looks += 1
            if self.sessions == 1:
                raise ProvisionError("a-db: the server is gone")
            if looks == 2:
                self.seen_twice.set()
            return [row("t1", "t2")]

        yield look


def test_database_that_comes_back_is_looked_at_again(recorded: Recorded) -> None:
    scripted = Scripted()
    with WaitWatch(scripted, recorded):
        assert scripted.seen_twice.wait(10)
    assert scripted.sessions == 2
    [wait] = recorded.waits
    assert not wait.is_over
