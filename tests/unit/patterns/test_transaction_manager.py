"""The transaction manager's rules, over resource managers in memory."""

import asyncio
from collections.abc import Sequence

import psycopg
import pytest

from dtx.patterns.twophase.decision_log import Record
from dtx.patterns.twophase.identity import Xid
from dtx.patterns.twophase.lease import NotLeadingError
from dtx.patterns.twophase.resource import Decision, RefusedError, ResourceError, ResourceManager
from dtx.patterns.twophase.transaction_manager import TransactionManager

from .instant_loop import run_instantly
from .twophase_fakes import FakeLead, FakeLog, FakeResource, Journal

OTHER = Xid(group="shop", tx="t1", attempt="1.00000000")


class Bench:
    """Two resource managers and a log behind a transaction manager."""

    def __init__(self) -> None:
        self.journal: Journal = []
        self.a = FakeResource("a", self.journal)
        self.b = FakeResource("b", self.journal)
        self.log = FakeLog(self.journal)
        self.lead = FakeLead()

    def place(self, *txs: str) -> list[Decision | None]:
        async def run() -> list[Decision | None]:
            manager = TransactionManager("shop", [[self.a], [self.b]], self.log, self.lead)
            placed = [manager.place(tx, "work", answer_within_s=3600) for tx in txs]
            return await asyncio.gather(*placed)

        return run_instantly(run())


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_decision_is_in_the_log_after_all_votes_and_before_any_commit(bench: Bench) -> None:
    assert bench.place("t1") == [Decision.COMMIT]
    assert bench.journal == [
        "a prepared", "b prepared", "log has commit", "a settles commit", "b settles commit",
    ]  # fmt: skip
    assert bench.log.forgotten


@pytest.mark.parametrize("operation", ["begin", "prepare"])
@pytest.mark.parametrize("no", [RefusedError("no money"), ResourceError("no answer")])
def test_one_no_or_silence_rolls_back_all(bench: Bench, operation: str, no: Exception) -> None:
    bench.b.errors[operation] = [no]
    assert bench.place("t1") == [Decision.ABORT]
    assert not bench.a.prepared
    assert not bench.a.committed | bench.b.committed
    assert bench.log.records["t1"].decision is Decision.ABORT


def test_rollback_that_fails_keeps_no_other_from_its_own(bench: Bench) -> None:
    bench.b.errors = {"prepare": [RefusedError("no")], "roll_back": [ResourceError("no answer")]}
    assert bench.place("t1") == [Decision.ABORT]
    assert not bench.a.prepared


def test_nobody_commits_while_the_decision_is_unknown(bench: Bench) -> None:
    bench.log.failures = 5
    assert bench.place("t1") == [Decision.COMMIT]
    assert bench.journal.index("log has commit") < bench.journal.index("a settles commit")


def test_decision_whose_answer_was_lost_is_found_by_asking_again(bench: Bench) -> None:
    bench.log.failures, bench.log.writes_anyway = 1, True
    assert bench.place("t1") == [Decision.COMMIT]
    assert bench.b.committed == {"t1"}


def test_commit_loses_to_an_abort_record_of_recovery(bench: Bench) -> None:
    bench.log.records["t1"] = Record(xid=OTHER, decision=Decision.ABORT)
    assert bench.place("t1") == [Decision.ABORT]
    assert not bench.a.committed | bench.b.committed
    assert not bench.a.prepared


def test_second_attempt_at_a_committed_transaction_is_undone_and_answered_committed(
    bench: Bench,
) -> None:
    bench.log.records["t1"] = Record(xid=OTHER, decision=Decision.COMMIT)
    assert bench.place("t1") == [Decision.COMMIT]
    assert not bench.a.committed | bench.b.committed


def test_abort_that_can_not_be_noted_is_told_nobody(bench: Bench) -> None:
    bench.b.errors["prepare"] = [RefusedError("no")]
    bench.log.failures = 1
    with pytest.raises(psycopg.OperationalError):
        bench.place("t1")
    assert not bench.a.prepared


def test_phase_two_goes_on_until_everybody_committed(bench: Bench) -> None:
    bench.b.errors = {
        "commit": [ResourceError("no answer")],
        "settle": [ResourceError("no answer") for _ in range(7)],
    }
    assert bench.place("t1") == [Decision.COMMIT]
    assert bench.b.committed == {"t1"}
    assert bench.log.forgotten
    assert not bench.log.stuck


def test_branch_that_stays_out_of_reach_is_shown_to_an_operator(bench: Bench) -> None:
    bench.b.errors = {
        "commit": [ResourceError("no answer")],
        "settle": [ResourceError("no answer") for _ in range(30)],
    }
    assert bench.place("t1") == [Decision.COMMIT]
    assert {xid.tx for xid in bench.log.shown} == {"t1"}
    assert bench.b.committed == {"t1"}
    assert not bench.log.stuck, "it has ended"


def test_defect_in_the_work_undoes_what_others_did(bench: Bench) -> None:
    bench.b.errors["begin"] = [KeyError("sku")]
    with pytest.raises(KeyError):
        bench.place("t1")
    assert bench.journal == ["a settles abort"]


def test_repeat_of_a_running_transaction_joins_it(bench: Bench) -> None:
    assert bench.place("t1", "t1") == [Decision.COMMIT, Decision.COMMIT]
    assert bench.journal.count("a prepared") == 1


def test_decision_that_comes_after_the_takeover_is_none_and_undoes_its_branches(
    bench: Bench,
) -> None:
    bench.log.epoch = 2
    with pytest.raises(NotLeadingError):
        bench.place("t1")
    assert not bench.a.prepared
    assert not bench.a.committed | bench.b.committed
    assert not bench.log.records


def test_decision_found_after_the_takeover_is_carried_out(bench: Bench) -> None:
    bench.log.epoch = 2
    bench.log.records["t1"] = Record(xid=OTHER, decision=Decision.ABORT)
    assert bench.place("t1") == [Decision.ABORT]


def test_who_does_not_lead_begins_nothing_and_presumes_nothing(bench: Bench) -> None:
    bench.lead.epoch = None
    with pytest.raises(NotLeadingError):
        bench.place("t1")
    manager = TransactionManager("shop", [[bench.a], [bench.b]], bench.log, bench.lead)
    with pytest.raises(NotLeadingError):
        asyncio.run(manager.inquire("t1"))
    assert not bench.log.records
    bench.log.records["t1"] = Record(xid=OTHER, decision=Decision.COMMIT)
    assert asyncio.run(manager.inquire("t1")) is Decision.COMMIT


class LoneManager(TransactionManager[str]):
    """Has every work done at `a` alone."""

    def stages_of(self, work: str) -> Sequence[Sequence[ResourceManager[str]]]:
        del work
        return [self.resources[:1]]


def place_alone(bench: Bench) -> Decision | None:
    async def run() -> Decision | None:
        manager = LoneManager(
            "shop", [[bench.a], [bench.b]], bench.log, bench.lead, alone=(bench.a,)
        )
        return await manager.place("t1", "work", answer_within_s=3600)

    return run_instantly(run())


def test_who_only_read_takes_no_part_in_phase_two(bench: Bench) -> None:
    manager = TransactionManager("shop", [[bench.a], [bench.b]], bench.log, bench.lead)
    assert run_instantly(manager.place("t1", "reads a")) is Decision.COMMIT
    assert bench.journal == ["a only read", "b prepared", "log has commit", "b settles commit"]
    assert bench.log.records["t1"].participants == ("b",)


def test_where_all_only_read_whoever_asks_later_hears_what_was_told(bench: Bench) -> None:
    manager = TransactionManager("shop", [[bench.a]], bench.log, bench.lead)
    assert run_instantly(manager.place("t1", "reads a")) is Decision.COMMIT
    assert bench.journal == ["a only read", "log has commit"]
    assert run_instantly(manager.inquire("t1")) is Decision.COMMIT
    assert run_instantly(manager.place("t1", "writes")) is Decision.COMMIT


def test_who_only_read_is_not_rolled_back(bench: Bench) -> None:
    bench.b.errors["prepare"] = [RefusedError("no")]
    manager = TransactionManager("shop", [[bench.a], [bench.b]], bench.log, bench.lead)
    assert run_instantly(manager.place("t1", "reads a")) is Decision.ABORT
    assert "a settles abort" not in bench.journal


def test_only_branch_is_committed_in_one_phase_and_not_logged(bench: Bench) -> None:
    assert place_alone(bench) is Decision.COMMIT
    assert bench.journal == ["a commits alone"]
    assert not bench.log.records


def test_one_phase_whose_answer_was_lost_ends_as_the_only_participant_says(bench: Bench) -> None:
    bench.a.errors = {
        "answer_alone": [ResourceError("no answer")],
        "decided_alone": [ResourceError("no answer") for _ in range(3)],
    }
    assert place_alone(bench) is Decision.COMMIT
    assert bench.journal == ["a commits alone", "a is asked, decided alone: commit"]


@pytest.mark.parametrize("operation", ["begin", "commit_alone"])
def test_only_branch_that_fails_is_barred(bench: Bench, operation: str) -> None:
    bench.a.errors[operation] = [ResourceError("no answer")]
    assert place_alone(bench) is Decision.ABORT
    assert bench.journal == ["a is asked, decided alone: abort"]


def test_only_branch_where_nobody_decides_alone_has_two_phases(bench: Bench) -> None:
    manager = LoneManager("shop", [[bench.a], [bench.b]], bench.log, bench.lead)
    assert run_instantly(manager.place("t1", "work")) is Decision.COMMIT
    assert bench.journal == ["a prepared", "log has commit", "a settles commit"]


def test_inquiry_goes_to_who_may_have_decided_alone(bench: Bench) -> None:
    manager = LoneManager("shop", [[bench.a], [bench.b]], bench.log, bench.lead, alone=(bench.a,))
    bench.a.committed = {"t1"}
    assert asyncio.run(manager.inquire("t1")) is Decision.COMMIT
    assert not bench.log.records
    bench.a.errors["decided_alone"] = [ResourceError("no answer")]
    with pytest.raises(ResourceError):
        asyncio.run(manager.inquire("t2"))
    assert not bench.log.records
    assert asyncio.run(manager.inquire("t2")) is Decision.ABORT


def test_more_than_may_run_at_once_wait_for_their_turn(bench: Bench) -> None:
    assert set(bench.place(*(f"t{n}" for n in range(40)))) == {Decision.COMMIT}


def test_inquiry_about_what_nobody_decided_bars_it(bench: Bench) -> None:
    manager = TransactionManager("shop", [[bench.a], [bench.b]], bench.log, bench.lead)
    assert asyncio.run(manager.inquire("t1")) is Decision.ABORT
    assert bench.place("t1") == [Decision.ABORT]
    assert not bench.a.committed


def test_inquiry_about_what_runs_here_waits_for_its_decision(bench: Bench) -> None:
    async def run() -> tuple[Decision | None, Decision | None]:
        manager = TransactionManager("shop", [[bench.a], [bench.b]], bench.log, bench.lead)
        placed = asyncio.create_task(manager.place("t1", "work"))
        await asyncio.sleep(0)
        asked = await manager.inquire("t1")
        await placed
        return asked, await manager.inquire("t1")

    assert asyncio.run(run()) == (None, Decision.COMMIT)
