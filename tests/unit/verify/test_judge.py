"""The verdict as a whole: claims, premises, raising checkers, coverage, latency, determinism."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from dtx.config.model import System
from dtx.core.history import Completed, Outcome, ProcessChange
from dtx.core.run_folder import Plan, RunFolder
from dtx.core.schedule import Proof
from dtx.core.verdict import Progress, Status, Verdict
from dtx.verify.check import Checker, Judgement
from dtx.verify.folder import judge_folder
from dtx.verify.judge import judge
from dtx.verify.ledger import Ledger
from dtx.verify.registry import CHECKERS
from tests.support.histories import (
    CRASHED_NODE,
    HELD_LINK,
    LOCKED_NODE,
    PAYMENTS,
    RunBuilder,
    check_of,
    make_plan,
    make_system,
    mono,
)


@pytest.fixture
def run() -> RunBuilder:
    builder = RunBuilder()
    builder.commit("t0001")
    builder.commit("t0002", 3.0)
    return builder


def test_registry_names_are_unique_and_every_checker_speaks() -> None:
    assert len({checker.name for checker in CHECKERS}) == len(CHECKERS)
    assert all(checker.claim for checker in CHECKERS)


@pytest.mark.parametrize(
    ("flag", "unclaimed"),
    [
        ("is_atomic", {"atomicity"}),
        ("is_durable", {"durability", "no-phantom"}),
        ("is_exactly_once", {"exactly-once"}),
        ("is_compensating", {"compensation"}),
    ],
)
def test_what_is_not_claimed_is_measured_and_never_convicts(
    run: RunBuilder, flag: str, unclaimed: set[str]
) -> None:
    run.claim(**{flag: False})
    run.commit("t0003", 4.0, outcome=Outcome.INFO)
    run.forget("t0003", PAYMENTS)
    run.undone("t0002", PAYMENTS, 3.01, step="other")
    run.applied("t0001", PAYMENTS, 1.3)
    run.applied("t0009", PAYMENTS, 1.3)
    run.commit("t0004", 5.0)
    run.forget("t0004")
    verdict = run.judge()
    everything = {"atomicity", "durability", "no-phantom", "exactly-once", "compensation"}
    assert set(verdict.violated_checkers) == everything - unclaimed
    for name in unclaimed:
        check = check_of(verdict, name)
        assert (check.status, check.is_claimed) == (Status.VIOLATED, False)
        assert "does not claim" in check.reason


def test_raising_checker_makes_unknown_with_its_traceback(run: RunBuilder) -> None:
    def explode(_ledger: Ledger) -> Judgement:
        raise ZeroDivisionError("planted")

    broken = Checker(name="broken", claim="", judge=explode, is_claimed=lambda _: False)
    verdict = _judge(run, (*CHECKERS, broken))
    assert verdict.status is Status.UNKNOWN
    assert check_of(verdict, "broken").status is Status.UNKNOWN
    assert "planted" in verdict.errors[0]
    assert "test_judge.py" in verdict.errors[0]
    assert "/" not in verdict.errors[0]


def test_raising_checker_does_not_hide_a_conviction(run: RunBuilder) -> None:
    def explode(_ledger: Ledger) -> Judgement:
        raise ZeroDivisionError

    run.forget("t0001")
    broken = Checker(name="broken", claim="", judge=explode, is_claimed=lambda _: True)
    assert _judge(run, (broken, *CHECKERS)).status is Status.VIOLATED


def _judge(run: RunBuilder, checkers: Sequence[Checker]) -> Verdict:
    return judge(
        make_plan(run.windows),
        make_system(run.contract),
        run.entries(),
        run.observations(),
        run.logs,
        checkers=checkers,
    )


def test_interrupted_run_is_unknown_and_says_where_it_ended(run: RunBuilder) -> None:
    run.submit("t0003", 4.0)
    run.quiet = None
    run.is_observed = False
    verdict = run.judge()
    assert verdict.status is Status.UNKNOWN
    assert verdict.reasons[0] == (
        "the run ended in the main phase, before its observations were read; "
        "recorded: 3 transactions submitted, 2 answered"
    )
    assert verdict.counts.info_absent == 0
    assert check_of(verdict, "atomicity").status is Status.UNKNOWN


def test_rows_that_could_not_be_read_excuse_absence_but_not_a_double(run: RunBuilder) -> None:
    run.errors.append("payments-db effects: connection refused")
    run.forget("t0001", PAYMENTS)
    verdict = run.judge()
    assert verdict.status is Status.UNKNOWN
    assert any("connection refused" in reason for reason in verdict.reasons)
    run.applied("t0002", PAYMENTS, 3.3)
    assert run.judge().violated_checkers == ("exactly-once",)


@pytest.mark.parametrize("plant", ["second completion", "no invoke", "second invoke"])
def test_history_that_contradicts_itself_is_unknown(run: RunBuilder, plant: str) -> None:
    if plant == "second invoke":
        run.submit("t0001", 5.0)
    else:
        tx = "t0001" if plant == "second completion" else "t0009"
        run.history.append(Completed(at_ns=mono(5), tx=tx, process=0, outcome=Outcome.INFO))
    assert run.judge().status is Status.UNKNOWN


def test_coverage_tells_who_was_met_and_how_far_they_were(run: RunBuilder) -> None:
    run.fault(Proof.SILENCE, 3.15, 3.2, links=[HELD_LINK])
    run.lose("t0003", 3.1)
    (coverage,) = run.judge().coverage
    assert coverage.met == 2
    assert coverage.met_by_outcome == {"info": 1, "ok": 1}
    assert coverage.under_way == (
        Progress(applied=(), transactions=1, ended={"info": 1}),
        Progress(applied=("payments-db.debit",), transactions=1, ended={"ok": 1}, committed=1),
    )
    assert (coverage.at_s, coverage.until_s) == (3.15, 3.2)
    assert (coverage.held_bytes, coverage.connections) == (700, 2)
    assert coverage.in_flight_at_injection == 3


def test_progress_is_told_in_order_of_time_and_what_was_undone_by_then_is_named(
    run: RunBuilder,
) -> None:
    run.fault(Proof.SILENCE, 3.35, 3.4, links=[HELD_LINK])
    run.refuse("t0003", 3.0)
    (coverage,) = run.judge().coverage
    assert [(p.applied, p.transactions, p.committed) for p in coverage.under_way] == [
        (("payments-db.debit", "inventory-db.reserve undone"), 1, 0),
        (("payments-db.debit", "inventory-db.reserve", "orders-db.confirm"), 1, 1),
    ]


def test_transaction_that_begins_while_the_fault_is_on_was_not_under_way(run: RunBuilder) -> None:
    run.fault(Proof.SILENCE, 3.15, 3.3, links=[HELD_LINK])
    run.commit("t0003", 3.2)
    (coverage,) = run.judge().coverage
    assert (coverage.met, [p.transactions for p in coverage.under_way]) == (2, [1])


def test_at_a_crash_point_what_was_under_way_is_counted_at_the_crash(run: RunBuilder) -> None:
    run.fault(Proof.CRASH, 2.0, 6.0, nodes=[msgspec.structs.replace(CRASHED_NODE, tx="t0003")])
    run.lose("t0000", 1.9)
    run.commit("t0003", 4.0, outcome=Outcome.INFO)
    run.process("payments-db", ProcessChange.KILLED, 3.0)
    run.process("payments", ProcessChange.KILLED, 4.15)
    run.process("payments", ProcessChange.KILLED, 7.0)
    (coverage,) = run.judge().coverage
    assert [(p.applied, p.transactions) for p in coverage.under_way] == [
        ((), 1),
        (("payments-db.debit",), 1),
    ]
    assert coverage.crashed_at_s == 4.15
    assert coverage.crashed == {"t0003": "committed, its client told nothing for certain"}


@pytest.mark.parametrize(
    ("outcome", "ended_s", "crashed_s", "under_way"),
    [
        (Outcome.INFO, 4.1, 4.1, [1]),
        (Outcome.INFO, 3.0, 4.15, []),
        (Outcome.OK, 4.1, 4.15, []),
    ],
    ids=["broken", "given up before", "done before"],
)
def test_a_crash_is_no_later_than_the_client_of_its_transaction_saw_it(
    run: RunBuilder, outcome: Outcome, ended_s: float, crashed_s: float, under_way: list[int]
) -> None:
    run.fault(Proof.CRASH, 2.0, 6.0, nodes=[msgspec.structs.replace(CRASHED_NODE, tx="t0003")])
    run.submit("t0003", 2.9)
    run.answer("t0003", outcome, ended_s)
    run.process("payments", ProcessChange.KILLED, 4.15)
    (coverage,) = run.judge().coverage
    assert coverage.crashed_at_s == crashed_s
    assert [p.transactions for p in coverage.under_way] == under_way


def test_a_crash_point_that_nobody_passed_has_no_moment(run: RunBuilder) -> None:
    run.fault(
        Proof.CRASH,
        3.15,
        6.0,
        nodes=[msgspec.structs.replace(CRASHED_NODE, is_crash_reached=False)],
    )
    (coverage,) = run.judge().coverage
    assert (coverage.crashed_at_s, coverage.crashed) == (None, {})
    assert [p.transactions for p in coverage.under_way] == [1]


def test_sessions_that_waited_for_locks_of_a_fault_are_counted(run: RunBuilder) -> None:
    run.fault(Proof.LOCKS, nodes=[LOCKED_NODE])
    (coverage,) = run.judge().coverage
    assert coverage.waiters == LOCKED_NODE.waiters


def test_progress_is_not_guessed_where_the_rows_were_not_read(run: RunBuilder) -> None:
    run.fault(Proof.SILENCE, 3.15, 3.2, links=[HELD_LINK])
    run.is_observed = False
    (coverage,) = run.judge().coverage
    assert (coverage.met, coverage.under_way) == (1, ())


def test_latency_without_faults_is_one_part(run: RunBuilder) -> None:
    verdict = run.judge()
    assert list(verdict.latency) == ["all"]
    summary = verdict.latency["all"]
    assert (summary.count, summary.ok) == (2, 2)
    assert summary.median_ms == pytest.approx(510.0)


def test_latency_splits_at_the_faults_and_leaves_out_the_warm_up(run: RunBuilder) -> None:
    run.commit("t0000", -1.0)
    run.commit("t0003", 5.0)
    run.commit("t0004", 6.0)
    run.fault(Proof.SILENCE, 2.0, 4.0, links=[HELD_LINK])
    counts = {part: summary.count for part, summary in run.judge().latency.items()}
    assert counts == {"before": 1, "during": 1, "after": 2}


def test_same_run_gives_the_same_bytes(run: RunBuilder) -> None:
    run.forget("t0001", PAYMENTS)
    run.log("orders", 1.05, "t0001 asks for the debit")
    once, again = (msgspec.json.encode(run.judge()) for _ in range(2))
    assert once == again


def test_folder_gives_the_same_verdict_as_memory(run: RunBuilder, tmp_path: Path) -> None:
    run.forget("t0001", PAYMENTS)
    folder = RunFolder.create(tmp_path / "run")
    folder.write_plan(make_plan())
    writer = folder.history()
    for entry in run.entries():
        writer.append(entry)
    writer.close()
    observations = run.observations()
    assert observations is not None
    folder.write_observations(observations)
    system = make_system(run.contract)
    seen: list[Plan] = []

    def parse(plan: Plan) -> System:
        seen.append(plan)
        return system

    verdict = judge_folder(folder, parse)
    assert msgspec.json.encode(verdict) == msgspec.json.encode(run.judge())
    assert seen == [make_plan()]
