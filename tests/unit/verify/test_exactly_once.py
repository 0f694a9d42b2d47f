"""Exactly once: multiplicity first, amounts where the multiplicity is right."""

import pytest

from dtx.core.history import Outcome
from dtx.core.verdict import Status
from tests.support.histories import INVENTORY, PAYMENTS, RunBuilder, check_of


@pytest.fixture
def run() -> RunBuilder:
    builder = RunBuilder()
    builder.commit("t0001")
    builder.refuse("t0002", 2.0)
    builder.lose("t0003", 3.0)
    return builder


def test_empty_run_holds() -> None:
    assert check_of(RunBuilder().judge(), "exactly-once").status is Status.HOLDS


def test_right_run_holds(run: RunBuilder) -> None:
    check = check_of(run.judge(), "exactly-once")
    assert (check.status, check.judged) == (Status.HOLDS, 2)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_step_applied_twice_convicts_whatever_the_client_was_told(outcome: Outcome) -> None:
    run = RunBuilder()
    run.commit("t0001")
    run.refuse("t0002", 2.0, outcome=outcome if outcome is not Outcome.OK else Outcome.INFO)
    if outcome is Outcome.OK:
        run.applied("t0001", PAYMENTS, 1.4)
    else:
        run.applied("t0002", PAYMENTS, 2.15)
    verdict = run.judge()
    assert verdict.violated_checkers == ("exactly-once",)
    (finding,) = check_of(verdict, "exactly-once").findings
    assert "took effect more than once" in finding.summary


def test_step_undone_twice_convicts_exactly_once_alone(run: RunBuilder) -> None:
    run.undone("t0002", PAYMENTS, 2.6)
    verdict = run.judge()
    assert verdict.violated_checkers == ("exactly-once",)
    assert "undone more than once" in check_of(verdict, "exactly-once").findings[0].summary


def test_wrong_amount_convicts_and_names_both_amounts(run: RunBuilder) -> None:
    run.forget("t0001", PAYMENTS)
    run.applied("t0001", PAYMENTS, 1.2, amount=119)
    verdict = run.judge()
    assert verdict.violated_checkers == ("exactly-once",)
    finding = check_of(verdict, "exactly-once").findings[0]
    assert finding.evidence[0] == "payments-db: net amount 119, expected 120"


def test_amount_is_the_sum_over_the_steps_of_a_participant(run: RunBuilder) -> None:
    run.forget("t0001", PAYMENTS)
    run.applied("t0001", PAYMENTS, 1.2, amount=100)
    run.applied("t0001", PAYMENTS, 1.2, amount=20, step="fee")
    assert run.judge().status is Status.HOLDS


def test_doubled_step_is_not_accused_of_its_amount_too(run: RunBuilder) -> None:
    run.applied("t0001", PAYMENTS, 1.4)
    assert len(check_of(run.judge(), "exactly-once").findings) == 1


def test_amount_is_not_judged_at_a_participant_with_a_doubled_step(run: RunBuilder) -> None:
    run.forget("t0001", PAYMENTS)
    for _ in range(2):
        run.applied("t0001", PAYMENTS, 1.2, amount=100)
    run.applied("t0001", PAYMENTS, 1.2, amount=20, step="fee")
    (finding,) = check_of(run.judge(), "exactly-once").findings
    assert "took effect more than once" in finding.summary


def test_undone_with_another_amount_convicts(run: RunBuilder) -> None:
    run.effects = [
        row for row in run.effects if not (row.participant == PAYMENTS and row.effect == "undone")
    ]
    run.undone("t0002", PAYMENTS, 2.4, amount=100)
    verdict = run.judge()
    assert verdict.violated_checkers == ("exactly-once",)
    assert check_of(verdict, "exactly-once").findings[0].evidence[0] == (
        "payments-db: debit applied 120, undone 100"
    )


def test_undone_without_applied_is_left_to_compensation(run: RunBuilder) -> None:
    run.undone("t0003", INVENTORY, 3.5)
    verdict = run.judge()
    assert check_of(verdict, "exactly-once").status is Status.HOLDS
    assert verdict.violated_checkers == ("compensation",)
