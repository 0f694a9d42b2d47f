"""Compensation: never without, never before, always in reverse."""

import pytest

from dtx.core.history import Outcome
from dtx.core.verdict import Status
from tests.support.histories import INVENTORY, PAYMENTS, RunBuilder, check_of


def refused(applied: dict[str, float | None], undone: dict[str, float | None]) -> RunBuilder:
    """A run with one good transaction and t0002, refused, with the given times."""
    run = RunBuilder()
    run.commit("t0001")
    run.submit("t0002", 2.0)
    for participant, at_s in applied.items():
        run.applied("t0002", participant, at_s)
    for participant, at_s in undone.items():
        run.undone("t0002", participant, at_s)
    run.answer("t0002", Outcome.FAIL, 2.9)
    return run


def test_empty_run_holds() -> None:
    assert check_of(RunBuilder().judge(), "compensation").status is Status.HOLDS


@pytest.mark.parametrize(
    ("applied", "undone"),
    [
        ({PAYMENTS: 2.1, INVENTORY: 2.2}, {INVENTORY: 2.3, PAYMENTS: 2.4}),
        ({PAYMENTS: 2.1, INVENTORY: 2.2}, {INVENTORY: 2.3, PAYMENTS: 2.3}),
        ({PAYMENTS: 2.1, INVENTORY: 2.1}, {INVENTORY: 2.4, PAYMENTS: 2.3}),
        ({PAYMENTS: 2.1, INVENTORY: 2.1}, {INVENTORY: 2.3, PAYMENTS: 2.4}),
        ({PAYMENTS: 2.1}, {PAYMENTS: 2.1}),
        ({PAYMENTS: None, INVENTORY: None}, {INVENTORY: 2.4, PAYMENTS: 2.3}),
        ({PAYMENTS: 2.4, INVENTORY: 2.2}, {INVENTORY: 2.6, PAYMENTS: None}),
    ],
    ids=[
        "reverse",
        "undone-tie",
        "applied-tie",
        "applied-tie-2",
        "same-time",
        "no-times",
        "no-time",
    ],
)
def test_reverse_order_ties_and_unknown_times_hold(
    applied: dict[str, float | None], undone: dict[str, float | None]
) -> None:
    verdict = refused(applied, undone).judge()
    assert verdict.status is Status.HOLDS
    assert check_of(verdict, "compensation").judged == 1


@pytest.mark.parametrize(
    ("applied", "undone", "deed"),
    [
        ({}, {PAYMENTS: 2.3}, "never applied"),
        ({PAYMENTS: 2.4}, {PAYMENTS: 2.3}, "before it was applied"),
        ({PAYMENTS: 2.1, INVENTORY: 2.2}, {PAYMENTS: 2.3, INVENTORY: 2.4}, "another order"),
    ],
    ids=["without", "before", "order"],
)
def test_violation_convicts_compensation_alone(
    applied: dict[str, float | None], undone: dict[str, float | None], deed: str
) -> None:
    verdict = refused(applied, undone).judge()
    assert verdict.violated_checkers == ("compensation",)
    (finding,) = check_of(verdict, "compensation").findings
    assert deed in finding.summary
    assert finding.tx == "t0002"


@pytest.mark.parametrize("applied_s", [(2.1, 2.5), (2.5, 2.1)])
def test_of_a_doubled_step_the_first_time_counts_in_any_order_of_rows(
    applied_s: tuple[float, float],
) -> None:
    run = refused({}, {PAYMENTS: 2.3})
    for at_s in applied_s:
        run.applied("t0002", PAYMENTS, at_s)
    assert run.judge().violated_checkers == ("exactly-once",)
