"""Branches that stay in doubt are recorded once, with what they hold and who waits; short ones are not."""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

import pytest

from dtx.core.deadline import Deadline, poll_until
from dtx.core.errors import ProvisionError
from dtx.core.history import BranchEnded, BranchInDoubt, Entry, LockWait
from dtx.core.observation import PreparedRow
from dtx.core.ports import LockWaiter
from dtx.experiment import branches
from dtx.experiment.branches import BranchWatch
from tests.support.fakes import FakeRecorder

LOOKS_WITHIN_S = 5.0


class FakeBranches:
    """A database whose branches and waiters a test sets; counts the looks at it."""

    def __init__(self) -> None:
        self.there: list[PreparedRow] = []
        self.waiting: list[LockWaiter] = []
        self.is_down = False
        self.looks = 0
        self.asked: list[frozenset[str]] = []

    @contextmanager
    def looking(self) -> Iterator["FakeBranches"]:
        yield self

    def prepared(self) -> Sequence[PreparedRow]:
        self.looks += 1
        if self.is_down:
            raise ProvisionError("db does not answer")
        return list(self.there)

    def rows(self, gids: Collection[str]) -> Mapping[str, int]:
        self.asked.append(frozenset(gids))
        return dict.fromkeys(gids, 3)

    def waiters(self, gids: Collection[str]) -> Sequence[LockWaiter]:
        return list(self.waiting)

    def look_again(self) -> None:
        """Wait until it was looked at twice more: the first of them may have begun before."""
        before = self.looks
        assert poll_until(
            lambda: self.looks >= before + 2, Deadline.after(LOOKS_WITHIN_S), every_s=0.001
        )


def prepared(gid: str, age_s: float) -> PreparedRow:
    return PreparedRow(participant="db", gid=gid, since_ns=time.time_ns() - int(age_s * 1e9))


@pytest.fixture
def database() -> FakeBranches:
    return FakeBranches()


@pytest.fixture
def recorder() -> FakeRecorder:
    return FakeRecorder()


@pytest.fixture
def watch(
    database: FakeBranches, recorder: FakeRecorder, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BranchWatch]:
    monkeypatch.setattr(branches, "LOOK_EVERY_S", 0.001)
    with BranchWatch({"db": database}, recorder) as made:
        yield made


def kinds(recorder: FakeRecorder) -> list[type[Entry]]:
    return [type(entry) for entry in recorder.entries]


@pytest.mark.usefixtures("watch")
def test_a_young_branch_is_not_recorded(
    database: FakeBranches, recorder: FakeRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(branches, "BLOCKED_AFTER_S", 60.0)
    database.there = [prepared("g1", 2.0)]
    database.look_again()
    database.there = []
    database.look_again()
    assert kinds(recorder) == []


@pytest.mark.usefixtures("watch")
def test_an_old_branch_is_recorded_once_with_its_rows_and_its_end(
    database: FakeBranches, recorder: FakeRecorder
) -> None:
    database.there = [prepared("g1", 2.0)]
    database.look_again()
    database.look_again()
    begin = recorder.entries[0]
    assert isinstance(begin, BranchInDoubt)
    assert (begin.participant, begin.gid, begin.name, begin.rows) == ("db", "g1", "g1", 3)
    assert begin.at_ns - begin.since_ns >= 2_000_000_000
    database.there = []
    database.look_again()
    assert kinds(recorder) == [BranchInDoubt, BranchEnded]
    assert database.asked == [frozenset({"g1"})]


@pytest.mark.usefixtures("watch")
def test_a_server_that_is_down_ends_no_branch(
    database: FakeBranches, recorder: FakeRecorder
) -> None:
    database.there = [prepared("g1", 2.0)]
    database.look_again()
    database.is_down, database.there = True, []
    database.look_again()
    assert kinds(recorder) == [BranchInDoubt]
    database.there = [prepared("g1", 3.0)]
    database.is_down = False
    database.look_again()
    assert kinds(recorder) == [BranchInDoubt]


def test_waits_are_recorded_when_they_are_over(
    database: FakeBranches, recorder: FakeRecorder, watch: BranchWatch
) -> None:
    database.there = [prepared("g1", 2.0)]
    since_ns = time.time_ns() - 1_000_000_000
    database.waiting = [LockWaiter(session="7", since_ns=since_ns), LockWaiter(session="8")]
    database.look_again()
    assert kinds(recorder) == [BranchInDoubt]
    database.waiting = database.waiting[1:]
    database.look_again()
    first = recorder.entries[-1]
    assert isinstance(first, LockWait)
    assert first.session == "7"
    assert first.at_ns - first.since_ns >= 1_000_000_000
    watch.__exit__(None, None, None)
    last = recorder.entries[-1]
    assert isinstance(last, LockWait)
    assert last.session == "8"
