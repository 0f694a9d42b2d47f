"""Suspects: where only sums are broken, who touched them and stands out is told of, and nobody is accused."""

from dataclasses import replace

import pytest

from dtx.core.history import Outcome
from dtx.core.schedule import Proof
from dtx.core.verdict import Suspect, Verdict
from tests.support.histories import (
    HELD_LINK,
    INVENTORY,
    MONEY,
    PAYMENTS,
    STOCK,
    RunBuilder,
    check_of,
)


@pytest.fixture
def run() -> RunBuilder:
    """Two orders of apples and one of pears end well; one of apples was refused, and 3 apples too many are there."""
    builder = RunBuilder(keys={INVENTORY: ("sku",)})
    builder.commit("t0001", 1.0)
    builder.commit("t0002", 1.1)
    builder.submit("t0003", 1.2, sku="pear")
    builder.answer("t0003", Outcome.FAIL, 1.5)
    builder.submit("t0004", 2.0)
    builder.answer("t0004", Outcome.FAIL, 2.5)
    builder.log("payments", 2.2, "tx=t0004 no try has ever come; it is cancelled all the same")
    builder.hold(STOCK.name, left={"apple": 13, "pear": 4}, right={"apple": 10, "pear": 4})
    return builder


def _suspect(verdict: Verdict) -> Suspect | None:
    (finding,) = check_of(verdict, "conservation").findings
    return finding.suspect


def test_the_one_that_touched_the_broken_key_and_did_not_end_ok_is_told_of(run: RunBuilder) -> None:
    verdict = run.judge()
    assert _suspect(verdict) == Suspect(
        tx="t0004", key="apple", touched=3, strange=("t0004",), difference_at=INVENTORY
    )
    assert list(verdict.stories) == ["t0004"]
    assert "no try has ever come; it is cancelled all the same" in {
        line.what for line in verdict.stories["t0004"]
    }


def test_a_suspect_is_not_accused(run: RunBuilder) -> None:
    (finding,) = check_of(run.judge(), "conservation").findings
    assert (finding.tx, finding.subjects) == (None, ("apple",))


def test_where_a_transaction_is_accused_no_suspect_is_told_of(run: RunBuilder) -> None:
    run.forget("t0002", PAYMENTS)
    assert list(run.judge().stories) == ["t0002"]


def test_without_keys_nobody_knows_who_touched_what(run: RunBuilder) -> None:
    run.keys = {}
    verdict = run.judge()
    assert (_suspect(verdict), verdict.stories) == (None, {})


def test_keys_of_a_database_that_the_invariant_does_not_ask_count_for_nothing(
    run: RunBuilder,
) -> None:
    run.keys = {PAYMENTS: ("sku",)}
    assert _suspect(run.judge()) is None


def test_of_those_that_did_not_end_ok_the_one_whose_amount_is_the_difference_comes_first(
    run: RunBuilder,
) -> None:
    run.submit("t0005", 3.0, quantity=7)
    run.answer("t0005", Outcome.INFO, 6.0)
    run.hold(STOCK.name, left={"apple": 3}, right={"apple": 10})
    suspect = _suspect(run.judge())
    assert suspect is not None
    assert (suspect.tx, suspect.strange) == ("t0005", ("t0004", "t0005"))


def test_an_amount_that_fits_does_not_outweigh_an_ordinary_end() -> None:
    run = RunBuilder(keys={INVENTORY: ("sku",)})
    run.commit("t0001")
    run.submit("t0002", 3.0, quantity=7)
    run.answer("t0002", Outcome.FAIL, 3.5)
    run.hold(STOCK.name, left={"apple": 13}, right={"apple": 10})
    suspect = _suspect(run.judge())
    assert suspect is not None
    assert (suspect.tx, suspect.difference_at) == ("t0002", "")


def test_of_equals_the_one_that_met_a_fault_comes_first(run: RunBuilder) -> None:
    run.submit("t0005", 4.0)
    run.answer("t0005", Outcome.FAIL, 4.5)
    run.fault(Proof.SILENCE, 3.9, 5.0, links=[HELD_LINK])
    suspect = _suspect(run.judge())
    assert suspect is not None
    assert suspect.tx == "t0005"


def test_of_equals_the_one_of_which_something_was_undone_comes_first(run: RunBuilder) -> None:
    run.refuse("t0005", 4.0)
    suspect = _suspect(run.judge())
    assert suspect is not None
    assert (suspect.tx, suspect.strange) == ("t0005", ("t0004", "t0005"))


def test_if_all_ended_ok_the_first_whose_amount_is_the_difference_is_told_of() -> None:
    run = RunBuilder(keys={INVENTORY: ("sku",)})
    run.commit("t0001", 1.0)
    run.commit("t0002", 2.0)
    run.hold(STOCK.name, left={"apple": 7}, right={"apple": 10})
    assert _suspect(run.judge()) == Suspect(
        tx="t0001", key="apple", touched=2, difference_at=INVENTORY
    )


def test_a_scalar_is_touched_by_all_who_take_part(run: RunBuilder) -> None:
    run.hold(STOCK.name, left={"apple": 10}, right={"apple": 10})
    run.hold(MONEY.name, left={"": 880}, right={})
    suspect = _suspect(run.judge())
    assert suspect is not None
    assert (suspect.key, suspect.touched, suspect.difference_at) == ("", 4, PAYMENTS)


def test_a_bound_has_no_difference(run: RunBuilder) -> None:
    run.claim(invariants=(replace(STOCK, compare="<="),))
    suspect = _suspect(run.judge())
    assert suspect is not None
    assert (suspect.tx, suspect.difference_at) == ("t0004", "")
