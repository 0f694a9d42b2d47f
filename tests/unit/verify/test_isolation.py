"""What readers saw, by hand: correct reads, each anomaly, and what each level of isolation makes of it."""

from collections.abc import Callable

import pytest

from dtx.config.model import Isolation
from dtx.core.verdict import CheckResult, ReaderSummary, Status, Verdict
from dtx.verify import reads
from dtx.verify.ledger import Ledger
from tests.support.histories import (
    INVENTORY,
    ORDERS,
    PAYMENTS,
    SUMS,
    RunBuilder,
    check_of,
    make_reader,
)

LEVELS = [level for level in Isolation if level is not Isolation.NONE]


def a_run(level: Isolation = Isolation.SERIALIZABLE, *, total: int | None = 1000) -> RunBuilder:
    """Return a run with t1 committed at 1.1 to 1.3 s and t2 begun at 2.1 s and undone by 2.4 s."""
    run = RunBuilder()
    run.claim(isolation=level)
    run.readers[SUMS] = make_reader(PAYMENTS, INVENTORY, total=total)
    run.commit("t1", 1.0)
    run.refuse("t2", 2.0)
    return run


def look(run: RunBuilder, at_s: float, payments: str, inventory: str, off: int = 0) -> None:
    """Read at a moment: the transactions that each of the two lists, separated by blanks."""
    seen = {PAYMENTS: payments.split(), INVENTORY: inventory.split()}
    run.read(at_s, seen, values={PAYMENTS: 400, INVENTORY: 600 + off})


def right(run: RunBuilder) -> None:
    """Reads as a serializable system gives them."""
    look(run, 0.5, "", "")
    look(run, 1.6, "t1", "t1")
    look(run, 3.0, "t1", "t1")


def dirty(run: RunBuilder) -> None:
    look(run, 1.6, "t1", "t1")
    look(run, 2.25, "t1 t2", "t1 t2")
    look(run, 2.28, "t1 t2", "t1 t2")
    look(run, 2.5, "t1", "t1")


def fractured(run: RunBuilder) -> None:
    look(run, 1.15, "t1", "")
    look(run, 1.6, "t1", "t1")


def went_back(run: RunBuilder) -> None:
    look(run, 1.6, "t1", "t1")
    look(run, 1.7, "", "")
    look(run, 1.8, "t1", "t1")


def off(run: RunBuilder) -> None:
    look(run, 1.6, "t1", "t1", -30)
    look(run, 1.7, "t1", "t1", 12)
    look(run, 1.8, "t1", "t1")


def isolation(verdict: Verdict) -> CheckResult:
    return check_of(verdict, "isolation")


def summary(verdict: Verdict) -> ReaderSummary:
    (only,) = verdict.readers
    return only


@pytest.mark.parametrize("level", Isolation)
def test_reads_of_whole_transactions_hold_at_every_level(level: Isolation) -> None:
    run = a_run(level)
    right(run)
    verdict = run.judge()
    check = isolation(verdict)
    assert (check.status, check.judged, check.findings) == (Status.HOLDS, 3, ())
    assert check.is_claimed is (level is not Isolation.NONE)
    assert verdict.status is Status.HOLDS
    assert summary(verdict) == ReaderSummary(reader=SUMS, reads=3, total=1000)


@pytest.mark.parametrize(
    ("anomaly", "convicting"),
    [
        (dirty, {Isolation.SEMANTIC_LOCK, Isolation.READ_COMMITTED, Isolation.SERIALIZABLE}),
        (fractured, {Isolation.SERIALIZABLE}),
        (went_back, {Isolation.SERIALIZABLE}),
        (off, {Isolation.SERIALIZABLE}),
    ],
)
@pytest.mark.parametrize("level", Isolation)
def test_anomaly_is_convicted_by_the_levels_that_forbid_it_and_measured_by_all(
    level: Isolation, anomaly: Callable[[RunBuilder], None], convicting: set[Isolation]
) -> None:
    run = a_run(level)
    anomaly(run)
    verdict = run.judge()
    assert verdict.violated_checkers == (("isolation",) if level in convicting else ())
    assert verdict.status is (Status.VIOLATED if level in convicting else Status.HOLDS)
    is_found = level in convicting or level is Isolation.NONE
    assert isolation(verdict).status is (Status.VIOLATED if is_found else Status.HOLDS)
    told = summary(verdict)
    shown = {dirty: told.dirty, fractured: told.fractured, went_back: told.went_back}
    assert {one: bool(number) for one, number in shown.items()} == {
        one: one is anomaly for one in shown
    }
    assert bool(told.wrong_sums) is (anomaly is off)


def test_numbers_are_of_reads_and_of_transactions() -> None:
    run = a_run()
    run.refuse("t3", 2.0)
    run.read(2.25, {PAYMENTS: ["t1", "t2", "t3"], INVENTORY: ["t1"]}, values={PAYMENTS: 1000})
    run.read(2.30, {PAYMENTS: ["t1", "t2"], INVENTORY: ["t1"]}, values={PAYMENTS: 1000})
    told = summary(run.judge())
    assert (told.reads, told.dirty, told.unmarked, told.dirty_transactions) == (2, 2, 2, 2)
    run = a_run()
    off(run)
    told = summary(run.judge())
    assert (told.wrong_sums, told.low, told.high) == (2, -30, 12)


def test_finding_tells_the_read_the_rows_and_the_story() -> None:
    run = a_run()
    dirty(run)
    verdict = run.judge()
    (finding,) = isolation(verdict).findings
    assert (finding.tx, finding.subjects) == ("t2", ("t2",))
    assert finding.evidence[0] == (
        "sums read payments-db 400, inventory-db 600 at 2.250 s; t2 seen at payments-db, inventory-db"
    )
    assert "payments-db: debit undone, 120, at 2.400 s" in finding.evidence
    story = [(line.who, line.what) for line in verdict.stories["t2"]]
    assert (SUMS, "sees it at payments-db and inventory-db") in story
    assert (SUMS, "no longer sees it at payments-db and inventory-db") in story


def test_fractured_read_names_where_it_was_seen_and_where_not() -> None:
    run = a_run()
    fractured(run)
    (finding,) = isolation(run.judge()).findings
    assert "t1 seen at payments-db and not at inventory-db" in finding.evidence[0]


def test_wrong_sum_names_how_far_off_it_is_and_who_was_half_done() -> None:
    run = a_run()
    look(run, 0.9, "", "", -5)
    look(run, 1.15, "t1", "", -120)
    verdict = run.judge()
    sums = isolation(verdict).findings[-1]
    assert "2 of 2 reads of sums do not add up to 1000: off by -120 to -5" in sums.summary
    assert sums.tx == "t1"
    assert sums.evidence[0].endswith("off by -120; not whole in it: t1")


def test_what_an_answer_marks_as_pending_is_no_dirty_read_under_a_semantic_lock() -> None:
    for level in (Isolation.SEMANTIC_LOCK, Isolation.READ_COMMITTED):
        run = a_run(level)
        run.read(2.25, {PAYMENTS: ["t2"], INVENTORY: []}, values={PAYMENTS: 1000}, pending=["t2"])
        verdict = run.judge()
        told = summary(verdict)
        assert (told.dirty, told.unmarked) == (1, 0)
        assert bool(verdict.violated_checkers) is (level is Isolation.READ_COMMITTED)


def test_transaction_that_never_left_a_row_was_a_dirty_read_too() -> None:
    run = a_run()
    run.lose("t4", 1.0)
    run.read(1.5, {PAYMENTS: ["t4"], INVENTORY: []}, values={PAYMENTS: 1000})
    assert isolation(run.judge()).findings[0].tx == "t4"


def test_list_that_names_what_was_undone_before_it_was_asked_is_no_dirty_read() -> None:
    run = a_run()
    right(run)
    look(run, 3.1, "t1 t2", "t1 t2")
    look(run, 3.2, "t1 t2", "t1 t2")
    assert isolation(run.judge()).status is Status.HOLDS


def test_effect_of_several_steps_is_held_until_the_last_of_them_is_undone() -> None:
    run = a_run()
    run.applied("t2", PAYMENTS, 2.15, step="fee", amount=1)
    run.undone("t2", PAYMENTS, 2.6, step="fee", amount=1)
    look(run, 2.5, "t1 t2", "t1")
    told = summary(run.judge())
    assert (told.dirty, told.fractured) == (1, 0)


def test_transaction_is_not_missed_where_it_has_no_effect_or_nobody_lists_it() -> None:
    run = a_run()
    run.readers[SUMS] = make_reader(PAYMENTS, ORDERS, total=None)
    run.read(1.5, {PAYMENTS: ["t1"], ORDERS: ["t1"]})
    assert isolation(run.judge()).status is Status.HOLDS
    run.forget("t1", ORDERS)
    run.claim(is_atomic=False, is_durable=False)
    run.read(1.6, {PAYMENTS: ["t1"], ORDERS: []})
    assert summary(run.judge()).fractured == 0


def test_transaction_still_open_in_the_end_is_not_dirty() -> None:
    run = a_run()
    run.submit("t5", 1.0)
    run.applied("t5", PAYMENTS, 1.1)
    run.read(1.5, {PAYMENTS: ["t5"], INVENTORY: []}, values={PAYMENTS: 1000})
    told = summary(run.judge())
    assert (told.dirty, told.fractured) == (0, 0)


def test_failed_read_is_counted_and_convicts_of_what_it_did_see() -> None:
    run = a_run(Isolation.READ_COMMITTED)
    right(run)
    run.read(3.1, {PAYMENTS: ["t1"]}, error="inventory-db: HTTP 500", skipped=4)
    told = summary(run.judge())
    assert (told.reads, told.failed, told.skipped) == (3, 1, 4)
    assert told.errors == {"inventory-db: HTTP 500": 1}
    assert (told.fractured, told.wrong_sums) == (0, 0)
    assert isolation(run.judge()).status is Status.HOLDS
    run = a_run(Isolation.READ_COMMITTED)
    run.read(2.25, {PAYMENTS: ["t2"]}, error="inventory-db: HTTP 500")
    assert isolation(run.judge()).findings[0].tx == "t2"


def test_two_readers_are_told_apart() -> None:
    run = a_run()
    run.readers["other"] = make_reader(PAYMENTS, name="other")
    right(run)
    run.read(2.25, {PAYMENTS: ["t2"]}, name="other")
    verdict = run.judge()
    assert [told.dirty for told in verdict.readers] == [0, 1]
    assert isolation(verdict).findings[0].evidence[0].startswith("other read")


@pytest.mark.parametrize("level", LEVELS)
def test_claim_without_evidence_is_unknown_with_its_reason(level: Isolation) -> None:
    def reason(run: RunBuilder) -> str:
        verdict = run.judge()
        assert verdict.status is Status.UNKNOWN
        assert isolation(verdict).status is Status.UNKNOWN
        return isolation(verdict).reason

    run = a_run(level)
    run.readers.clear()
    assert "add [readers]" in reason(run)
    run = a_run(level)
    assert reason(run) == "no read was answered by all participants"
    run.read(1.0, {}, error="payments-db: HTTP 500")
    assert reason(run).endswith("by all participants: payments-db: HTTP 500")
    run = a_run(level)
    run.readers[SUMS] = make_reader(PAYMENTS, INVENTORY, has_seen=False, total=1000)
    look(run, 1.0, "", "")
    assert "add `seen`" in reason(run)
    run = a_run(level)
    look(run, 1.0, "", "")
    assert reason(run) == "no reader saw any transaction"
    look(run, 1.1, "x7", "")
    assert "x7, which nobody submitted" in reason(run)


def test_unclaimed_and_without_readers_there_is_nothing_to_judge() -> None:
    run = a_run(Isolation.NONE)
    run.readers.clear()
    verdict = run.judge()
    assert (isolation(verdict).status, isolation(verdict).judged) == (Status.HOLDS, 0)
    assert verdict.readers == ()
    assert verdict.status is Status.HOLDS


def test_wrong_sum_needs_no_list_of_transactions() -> None:
    run = a_run()
    run.readers[SUMS] = make_reader(PAYMENTS, INVENTORY, has_seen=False, total=1000)
    look(run, 1.0, "", "", 7)
    verdict = run.judge()
    assert verdict.violated_checkers == ("isolation",)
    assert not summary(verdict).is_joined
    assert isolation(verdict).reason == ""


@pytest.mark.parametrize("is_interrupted", [True, False])
def test_without_all_rows_nothing_is_called_dirty(is_interrupted: bool) -> None:
    run = a_run()
    dirty(run)
    if is_interrupted:
        run.quiet, run.is_observed = None, False
    else:
        run.errors.append("payments-db effects: gone")
    verdict = run.judge()
    assert verdict.status is Status.UNKNOWN
    assert isolation(verdict).status is Status.UNKNOWN
    assert ("the run ended" if is_interrupted else "payments-db effects: gone") in isolation(
        verdict
    ).reason
    assert (summary(verdict).is_joined, summary(verdict).dirty) == (False, 0)


def test_reads_of_a_reader_that_the_system_does_not_have_are_left_out() -> None:
    run = a_run()
    right(run)
    run.read(1.7, {PAYMENTS: ["t2"]}, name="gone")
    assert isolation(run.judge()).judged == 3


def test_reads_are_walked_through_once_a_judgement(monkeypatch: pytest.MonkeyPatch) -> None:
    walks: list[Ledger] = []

    def counted(ledger: Ledger) -> tuple[reads.Observed, ...]:
        walks.append(ledger)
        return walk(ledger)

    walk = reads.observe_reads
    monkeypatch.setattr(reads, "observe_reads", counted)
    a_run().judge()
    assert len(walks) == 1
