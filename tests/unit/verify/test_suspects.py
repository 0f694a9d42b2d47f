"""Suspects: where only sums are broken, who touched them and stands out is told of, and nobody is accused."""

from dataclasses import replace

import pytest

from dtx.core.history import Outcome
from dtx.core.observation import OutcomeRow
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


@pytest.mark.parametrize("said", ["ok", "info"])
def test_one_that_is_whole_in_the_end_is_told_of_last_though_its_client_did_not_learn_it(
    run: RunBuilder, said: str
) -> None:
    run.commit("t0005", 0.5, outcome=Outcome.INFO)
    run.outcomes.append(OutcomeRow(tx="t0005", outcome=said))
    run.fault(Proof.SILENCE, 0.4, 1.1, links=[HELD_LINK])
    suspect = _suspect(run.judge())
    assert suspect is not None
    assert (suspect.tx, suspect.strange) == ("t0004", ("t0004",))


def test_one_that_never_arrived_is_told_of_after_one_that_the_system_refused(
    run: RunBuilder,
) -> None:
    run.lose("t0000", 0.5)
    run.lose("t0005", 3.0)
    run.outcomes.append(OutcomeRow(tx="t0000", outcome="info", detail="HTTP 404"))
    run.outcomes.append(OutcomeRow(tx="t0005", outcome="fail"))
    run.fault(Proof.SILENCE, 0.4, 5.0, links=[HELD_LINK])
    run.forget("t0004")
    run.history = [entry for entry in run.history if getattr(entry, "tx", "") != "t0004"]
    suspect = _suspect(run.judge())
    assert suspect is not None
    assert (suspect.tx, suspect.strange) == ("t0005", ("t0000", "t0005"))


def test_one_that_is_ok_and_still_open_or_not_present_everywhere_is_not_whole(
    run: RunBuilder,
) -> None:
    run.claim(is_atomic=False, is_durable=False, converges_within_s=None)
    run.forget("t0001", PAYMENTS)
    run.leave_open("t0002")
    suspect = _suspect(run.judge())
    assert suspect is not None
    assert suspect.strange == ("t0001", "t0002", "t0004")


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
