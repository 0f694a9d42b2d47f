"""What a saga's definition says of its steps."""

import pytest

from dtx.patterns.common.barrier import Answer
from dtx.patterns.saga.definition import STARTED, Act, Confirm, Over, Undo
from dtx.patterns.saga.order_saga import DEBIT, ORDER_SAGA, RESERVE, Order

ORDER = Order(tx="t1", customer="ann", sku="apple", quantity=2, price=150)


def test_action_and_compensation_are_told_the_same() -> None:
    asked = {step.act(ORDER).name: dict(step.act(ORDER).body) for step in ORDER_SAGA.steps}
    assert asked == {
        "debit": {"tx": "t1", "customer": "ann", "amount": 300},
        "reserve": {"tx": "t1", "sku": "apple", "quantity": 2},
    }
    assert [step.undo(ORDER).body for step in ORDER_SAGA.steps] == list(asked.values())
    assert [step.undo(ORDER).participant for step in ORDER_SAGA.steps] == ["payments", "inventory"]


def test_every_state_says_what_is_done_next() -> None:
    assert ORDER_SAGA.following(STARTED) == Act(step=DEBIT)
    assert ORDER_SAGA.following("DEBITED") == Act(step=RESERVE)
    assert ORDER_SAGA.following("RESERVED") == Confirm()
    assert ORDER_SAGA.following("RELEASING") == Undo(step=RESERVE)
    assert ORDER_SAGA.following("REFUNDING") == Undo(step=DEBIT)
    assert ORDER_SAGA.following("CONFIRMED") == ORDER_SAGA.following("REJECTED") == Over()
    with pytest.raises(KeyError):
        ORDER_SAGA.following("LOST")


@pytest.mark.parametrize(
    ("answer", "after_debit", "after_reserve"),
    [
        (Answer.DONE, "DEBITED", "RESERVED"),
        (Answer.REFUSED, "REJECTED", "REFUNDING"),
        (Answer.BARRED, "REJECTED", "REFUNDING"),
        (None, "REFUNDING", "RELEASING"),
    ],
)
def test_answer_to_an_action_says_which_state_comes(
    answer: Answer | None, after_debit: str, after_reserve: str
) -> None:
    assert ORDER_SAGA.after_action(DEBIT, answer) == after_debit
    assert ORDER_SAGA.after_action(RESERVE, answer) == after_reserve
