"""Participants whose amounts depend on the transaction: less than 0 where money leaves, 0 where it does not take part."""

from collections.abc import Mapping

import pytest

from dtx.config.model import Expression
from dtx.core.history import FieldValue, Outcome
from dtx.core.verdict import Status
from tests.support.histories import INVENTORY, ORDERS, PAYMENTS, RunBuilder

HERE, THERE, ELSEWHERE = PAYMENTS, INVENTORY, ORDERS


def _amount(sign: int) -> Expression:
    def value(fields: Mapping[str, FieldValue]) -> int:
        return sign * int(fields["quantity"])

    return Expression(f"{sign} * quantity", value)


def moved(quantity: int, here: int | None, there: int | None, elsewhere: int = 0) -> RunBuilder:
    """A run of one transfer of `quantity` to `HERE`, less than 0 from there, with what was really left."""
    run = RunBuilder()
    run.participants = {HERE: _amount(1), THERE: _amount(-1), ELSEWHERE: _amount(0)}
    run.submit("t0001", 1.0, quantity=quantity)
    for name, amount in ((HERE, here), (THERE, there), (ELSEWHERE, elsewhere or None)):
        if amount is not None:
            run.applied("t0001", name, 1.1, amount=amount)
    run.answer("t0001", Outcome.OK, 1.5)
    return run


@pytest.mark.parametrize("quantity", [3, -3])
def test_money_may_go_either_way_and_past_who_takes_no_part(quantity: int) -> None:
    assert moved(quantity, quantity, -quantity).judge().status is Status.HOLDS


def test_half_a_transfer_is_partial_whichever_half_it_is() -> None:
    for run in (moved(3, 3, None), moved(3, None, -3), moved(-3, None, 3)):
        assert run.judge().violated_checkers == ("atomicity", "durability")


def test_transfer_the_wrong_way_has_the_wrong_amounts() -> None:
    assert moved(3, -3, 3).judge().violated_checkers == ("exactly-once",)


def test_something_left_where_it_takes_no_part_is_an_amount_too_much() -> None:
    assert moved(3, 3, -3, elsewhere=1).judge().violated_checkers == ("exactly-once",)


def test_returned_money_carries_the_sign_that_it_left_with() -> None:
    for undone, violated in ((-3, ()), (3, ("exactly-once",))):
        run = RunBuilder()
        run.participants = {HERE: _amount(1), THERE: _amount(-1)}
        run.submit("t0001", 1.0, quantity=3)
        run.applied("t0001", THERE, 1.1, amount=-3)
        run.undone("t0001", THERE, 1.2, amount=undone)
        run.answer("t0001", Outcome.FAIL, 1.5)
        # Something else commits, so that the run proves something.
        run.submit("t0002", 2.0, quantity=1)
        run.applied("t0002", HERE, 2.1, amount=1)
        run.applied("t0002", THERE, 2.2, amount=-1)
        run.answer("t0002", Outcome.OK, 2.5)
        assert run.judge().violated_checkers == violated
