"""Operations: joined by transaction, in order of invoke."""

from dtx.core.history import Outcome
from dtx.core.observation import OutcomeRow
from dtx.verify.operations import join_operations
from tests.support.histories import RunBuilder


def test_operations_stand_in_order_of_invoke_whatever_the_order_of_lines() -> None:
    run = RunBuilder()
    run.submit("t0003", 1.0)
    run.submit("t0001", 3.0)
    run.submit("t0002", 2.0)
    joined = join_operations(tuple(reversed(run.entries())), ())
    assert list(joined.by_tx) == ["t0003", "t0002", "t0001"]


def test_operation_carries_what_its_entries_say() -> None:
    run = RunBuilder()
    run.submit("t0001", 1.0)
    run.accept("t0001", 1.2)
    run.accept("t0001", 1.3)
    run.answer("t0001", Outcome.INFO, 2.0, detail="reset")
    joined = join_operations(run.entries(), [OutcomeRow(tx="t0001", outcome="ok")])
    operation = joined.by_tx["t0001"]
    assert joined.malformed == ()
    assert (operation.outcome, operation.told, operation.detail) == (
        Outcome.INFO,
        Outcome.OK,
        "reset",
    )
    assert operation.completed_ns is not None
    assert operation.completed_ns - operation.intended_ns == 1_010_000_000
    assert operation.accepted == (operation.invoked_ns + 200_000_000, 202)
