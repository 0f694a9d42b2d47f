"""What recovery does with prepared branches, and what it leaves alone."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg
import pytest

from dtx.patterns.twophase.decision_log import Record
from dtx.patterns.twophase.identity import BranchId, Xid
from dtx.patterns.twophase.lease import NotLeadingError
from dtx.patterns.twophase.recovery import STUCK_AFTER, Recovery
from dtx.patterns.twophase.resource import (
    AT_A_STRETCH,
    SETTLED_AT_ONCE,
    Decision,
    DeniedError,
    Ending,
    ResourceError,
    Settled,
    settle_in_stretches,
)
from dtx.patterns.twophase.transaction_manager import TransactionManager

from .twophase_fakes import FakeLead, FakeLog, FakeResource, Journal

XID = Xid(group="shop", tx="t1", attempt="2.0000000a")
EARLIER = Xid(group="shop", tx="t1", attempt="2.0000000b")


@dataclass
class Bench:
    """Two resource managers with prepared branches of nobody, and a clock to turn."""

    journal: Journal = field(default_factory=list)
    now_s: float = 100.0

    def __post_init__(self) -> None:
        self.a = FakeResource("a", self.journal)
        self.b = FakeResource("b", self.journal)
        self.log = FakeLog(self.journal, epoch=2)
        self.manager = TransactionManager("shop", [[self.a], [self.b]], self.log, FakeLead(epoch=2))
        self.recovery = Recovery(
            self.manager, self.log, abandoned_after_s=3.0, clock=lambda: self.now_s
        )
        for resource in (self.a, self.b):
            resource.leave_prepared(XID)

    def scan(self, *, after_s: float = 0.0, epoch: int = 2) -> None:
        self.now_s += after_s
        asyncio.run(self.recovery.scan(epoch))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def decided(bench: Bench, xid: Xid, decision: Decision) -> None:
    participants = ("a", "b") if decision is Decision.COMMIT else ()
    record = Record(xid=xid, decision=decision, participants=participants)
    bench.log.records[xid.tx] = record


def test_branch_without_a_decision_is_left_alone_until_it_is_old(bench: Bench) -> None:
    bench.scan()
    bench.scan(after_s=2.9)
    assert bench.a.prepared
    assert not bench.log.records


def test_one_scan_never_ends_an_undecided_branch_however_late_it_comes(bench: Bench) -> None:
    bench.scan(after_s=3600)
    assert bench.a.prepared


def test_abort_record_is_written_before_the_rollback(bench: Bench) -> None:
    bench.scan()
    bench.scan(after_s=3.0)
    assert bench.journal == ["log has abort", "a settles abort", "b settles abort"]


def test_branch_that_went_and_came_again_begins_a_new_age(bench: Bench) -> None:
    bench.scan()
    branch = bench.a.prepared.pop(XID)
    bench.b.prepared.clear()
    bench.scan(after_s=2)
    bench.a.prepared[XID] = branch
    bench.scan(after_s=2)
    assert bench.a.prepared


def test_logged_commit_is_carried_out_at_first_sight_and_then_forgotten(bench: Bench) -> None:
    decided(bench, XID, Decision.COMMIT)
    bench.scan()
    assert bench.a.committed == bench.b.committed == {"t1"}
    assert bench.log.forgotten == {XID}


def test_logged_abort_is_carried_out_at_first_sight(bench: Bench) -> None:
    decided(bench, XID, Decision.ABORT)
    bench.scan()
    assert not bench.a.prepared
    assert not bench.a.committed


def test_commit_of_one_attempt_rolls_back_another(bench: Bench) -> None:
    decided(bench, EARLIER, Decision.COMMIT)
    bench.scan()
    assert not bench.a.prepared
    assert not bench.a.committed


def test_manager_that_was_stopped_before_its_decision_can_not_commit_afterwards(
    bench: Bench,
) -> None:
    bench.scan()
    bench.scan(after_s=3.0)
    late = asyncio.run(bench.log.decide(XID, Decision.COMMIT, epoch=XID.epoch))
    assert late.of(XID) is Decision.ABORT


def test_decision_that_came_before_the_abort_record_wins(bench: Bench) -> None:
    bench.scan()
    decided(bench, XID, Decision.COMMIT)
    bench.scan(after_s=3.0)
    assert bench.a.committed == {"t1"}


def test_branch_of_an_earlier_epoch_is_aborted_at_first_sight(bench: Bench) -> None:
    bench.log.epoch = 3
    bench.scan(epoch=3)
    assert bench.journal == ["log has abort", "a settles abort", "b settles abort"]


def test_branch_of_a_later_epoch_is_left_to_who_leads_in_it(bench: Bench) -> None:
    decided(bench, XID, Decision.COMMIT)
    bench.scan(epoch=1)
    assert XID in bench.a.prepared


def test_who_was_deposed_unawares_rolls_nothing_back(bench: Bench) -> None:
    bench.scan()
    bench.log.epoch = 3
    with pytest.raises(NotLeadingError):
        bench.scan(after_s=3.0)
    assert XID in bench.a.prepared


def test_commit_that_its_owner_was_just_doing_is_no_case_for_an_operator(bench: Bench) -> None:
    decided(bench, XID, Decision.COMMIT)
    bench.a.prepared.clear()
    bench.b.prepared.clear()
    bench.a.committed.add("t1")
    bench.scan()
    bench.b.committed.add("t1")
    bench.scan()
    assert bench.log.forgotten == {XID}
    assert not bench.log.stuck


def test_transaction_that_runs_here_is_left_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.manager, "running", lambda: frozenset({XID}))
    bench.scan()
    bench.scan(after_s=3600)
    assert bench.a.prepared


def test_silent_participant_keeps_no_other_from_recovery(bench: Bench) -> None:
    decided(bench, XID, Decision.COMMIT)
    bench.a.errors["in_doubt"] = [ResourceError("no answer")]
    bench.scan()
    assert bench.b.committed == {"t1"}
    assert not bench.log.forgotten, "nobody knows yet whether a has"
    bench.scan()
    bench.scan()
    assert bench.log.forgotten == {XID}


def test_branch_that_can_not_be_settled_now_is_tried_again(bench: Bench) -> None:
    decided(bench, XID, Decision.COMMIT)
    bench.a.errors["settle"] = [ResourceError("attached")]
    bench.scan()
    assert bench.b.committed == {"t1"}
    bench.scan()
    assert bench.a.committed == {"t1"}


def test_commit_that_somebody_rolled_back_is_shown_to_an_operator(bench: Bench) -> None:
    decided(bench, XID, Decision.COMMIT)
    del bench.b.prepared[XID]
    bench.scan()
    assert not bench.log.stuck, "its owner may be committing it in this moment"
    bench.scan()
    assert bench.log.stuck == {XID}
    assert not bench.log.forgotten


def test_commit_is_forgotten_without_a_marker_of_who_only_read(bench: Bench) -> None:
    bench.log.records["t1"] = Record(xid=XID, decision=Decision.COMMIT, participants=("a",))
    del bench.b.prepared[XID]
    bench.scan()
    bench.scan()
    assert bench.log.forgotten == {XID}


def denied_at_a(bench: Bench) -> None:
    """Let no branch at `a` be ended by us, until it is clear that this stays so."""
    bench.a.errors["settle"] = [DeniedError("not yours")] * 1000
    for _ in range(STUCK_AFTER):
        assert not bench.log.stuck
        bench.scan()


@pytest.mark.parametrize("decision", Decision)
def test_branch_that_we_may_not_end_is_shown_to_an_operator_until_he_ended_it(
    bench: Bench, decision: Decision
) -> None:
    decided(bench, XID, decision)
    denied_at_a(bench)
    assert bench.log.stuck == {XID}
    bench.a.prepared.clear()
    if decision is Decision.COMMIT:
        bench.a.committed.add("t1")
    bench.scan()
    assert not bench.log.stuck
    assert bench.log.forgotten == {XID}


def test_abort_that_an_operator_has_committed_is_shown_until_its_work_is_undone(
    bench: Bench,
) -> None:
    decided(bench, XID, Decision.ABORT)
    denied_at_a(bench)
    bench.a.prepared.clear()
    bench.a.committed.add("t1")
    bench.scan()
    bench.scan()
    assert bench.log.stuck == {XID}
    bench.a.committed.clear()
    bench.scan()
    assert not bench.log.stuck


def test_branch_of_another_attempt_that_we_may_not_end_shows_the_transaction(bench: Bench) -> None:
    decided(bench, EARLIER, Decision.COMMIT)
    bench.log.forgotten.add(EARLIER)
    bench.a.committed.add("t1")
    bench.b.committed.add("t1")
    denied_at_a(bench)
    assert bench.log.stuck == {EARLIER}
    bench.scan()
    assert bench.log.stuck == {EARLIER}, "its branch is still there"
    bench.a.prepared.clear()
    bench.scan()
    assert not bench.log.stuck


def test_branches_that_we_may_not_end_keep_no_other_from_its_end(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = many(bench, 99)
    ours = Xid(group="shop", tx="z1", attempt="2.0000000a")
    bench.a.leave_prepared(ours)
    for xid in (*theirs, ours, XID):
        decided(bench, xid, Decision.ABORT)
    settle = bench.a.settle

    async def denied(branch: BranchId, decision: Decision) -> Settled:
        if branch.xid in theirs:
            raise DeniedError("not yours")
        return await settle(branch, decision)

    monkeypatch.setattr(bench.a, "settle", denied)
    bench.scan()
    assert set(bench.a.prepared) == set(theirs)


def many(bench: Bench, count: int) -> list[Xid]:
    """Leave more transactions prepared, at `a`."""
    xids = [Xid(group="shop", tx=f"m{n:03d}", attempt="2.0000000a") for n in range(count)]
    for xid in xids:
        bench.a.leave_prepared(xid)
    return xids


def test_who_fails_is_left_until_the_next_scan_and_what_failed_there_comes_last(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for xid in many(bench, 99):
        decided(bench, xid, Decision.COMMIT)
    decided(bench, XID, Decision.COMMIT)
    asked: list[BranchId] = []
    settle = bench.a.settle

    async def settle_and_note(branch: BranchId, decision: Decision) -> Settled:
        asked.append(branch)
        return await settle(branch, decision)

    monkeypatch.setattr(bench.a, "settle", settle_and_note)
    bench.a.errors["settle"] = [ResourceError("no answer")] * 100
    bench.scan()
    failed = list(asked)
    assert len(failed) == SETTLED_AT_ONCE, "not a hundred time-outs in one scan"
    assert bench.b.committed == {"t1"}
    bench.a.errors.clear()
    asked.clear()
    bench.scan()
    assert len(asked) == 100
    assert asked[-len(failed) :] == failed


def test_abort_records_of_many_are_asked_for_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(bench, 99)
    asked = 0
    decide = bench.log.decide

    async def decide_when_all_ask(xid: Xid, decision: Decision, *, epoch: int) -> Record:
        nonlocal asked
        asked += 1
        for _ in range(3):
            await asyncio.sleep(0)
        assert asked == 100, "so they share forced writes"
        return await decide(xid, decision, epoch=epoch)

    monkeypatch.setattr(bench.log, "decide", decide_when_all_ask)
    bench.scan()
    bench.scan(after_s=3.0)
    assert not bench.a.prepared


def test_log_that_fails_for_one_of_many_ends_nothing_that_it_did_not_decide(bench: Bench) -> None:
    xids = many(bench, 9)
    bench.scan()
    bench.log.failures = 1
    with pytest.raises(psycopg.OperationalError):
        bench.scan(after_s=3.0)
    assert set(bench.a.prepared) == {XID, *xids}
    bench.scan()
    assert not bench.a.prepared


def test_branches_of_another_group_are_not_ours(bench: Bench) -> None:
    stranger = Xid(group="bank", tx="t1", attempt="2.0000000a")
    bench.a.leave_prepared(stranger)
    bench.scan()
    bench.scan(after_s=3600)
    assert set(bench.a.prepared) == {stranger}


@pytest.mark.parametrize("scan_fails", [False, True])
def test_databases_open_for_new_work_once_recovery_has_looked(
    bench: Bench, scan_fails: bool
) -> None:
    decided(bench, XID, Decision.COMMIT)
    if scan_fails:
        bench.a.errors["in_doubt"] = [RuntimeError("a defect")]

    async def run_for_a_moment() -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(bench.recovery.run(), 0.05)

    asyncio.run(run_for_a_moment())
    opened = ["a opens for work", "b opens for work"]
    assert bench.journal[-2:] == opened
    settled = set(bench.journal) - set(opened)
    assert settled == (set() if scan_fails else {"a settles commit", "b settles commit"})


def test_what_a_manager_of_other_databases_committed_is_shown_and_not_forgotten(
    bench: Bench,
) -> None:
    record = Record(xid=XID, decision=Decision.COMMIT, participants=("a", "b", "of-yore"))
    bench.log.records["t1"] = record
    bench.scan()
    bench.scan()
    assert not bench.a.prepared
    assert not bench.log.forgotten
    assert bench.log.stuck == {XID}


def test_branch_that_an_operator_committed_of_what_is_aborted_then_is_shown(bench: Bench) -> None:
    bench.a.prepared.clear()
    bench.a.committed.add("t1")
    bench.scan()
    bench.scan(after_s=3.0)
    assert bench.log.records["t1"].decision is Decision.ABORT
    assert not bench.b.prepared
    bench.scan()
    assert bench.log.stuck == {XID}
    bench.a.committed.clear()
    bench.scan()
    assert not bench.log.stuck


def test_what_is_rolled_back_everywhere_is_looked_at_once(bench: Bench) -> None:
    bench.scan()
    bench.scan(after_s=3.0)
    assert not bench.b.prepared
    bench.a.errors["have_marker"] = [AssertionError("asked again")]
    bench.scan()
    assert not bench.log.shown
    assert not bench.log.forgotten


def test_what_a_session_had_no_time_for_is_settled_by_another() -> None:
    lent: list[int] = []

    async def settle_stretch(stretch: Sequence[Ending]) -> list[Settled | ResourceError]:
        lent.append(len(stretch))
        return [Settled.DONE] * min(3, len(stretch))

    endings = [
        (BranchId(xid=xid, gid=xid.tx), Decision.COMMIT)
        for xid in (Xid(group="shop", tx=f"m{n}", attempt="2.0000000a") for n in range(100))
    ]
    noted: list[BranchId] = []
    asyncio.run(
        settle_in_stretches(settle_stretch, endings, lambda branch, *_: noted.append(branch))
    )
    assert sorted(b.gid for b in noted) == sorted(branch.gid for branch, _ in endings)
    assert max(lent) <= AT_A_STRETCH
