"""What an answer to the outcome query means."""

import pytest

from dtx.config.model import OutcomeQuery, Template
from dtx.core.deadline import Deadline
from dtx.core.history import Outcome
from dtx.workload.generators import Transaction
from dtx.workload.outcomes import OutcomeQuestion, ask_outcomes, shown
from dtx.workload.processes import Processes
from tests.support.systems import a_client

QUESTION = OutcomeQuestion(
    OutcomeQuery(
        url=Template(parts=("http://x/",)),
        ok="status == 'CONFIRMED'",
        fail="status == 'REJECTED' || odd",
    ),
    lambda _: "",
)


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b'{"status": "CONFIRMED"}', Outcome.OK),
        (200, b'{"status": "REJECTED"}', Outcome.FAIL),
        (200, b'{"status": "PENDING"}', Outcome.INFO),
        (200, b"{}", Outcome.INFO),
        (200, b"[]", Outcome.INFO),
        (200, b"not json", Outcome.INFO),
        (200, b"\xff", Outcome.INFO),
        (200, b"", Outcome.INFO),
        (200, b'{"status": "CONFIRMED", "odd": true}', Outcome.INFO),
        (200, b'{"odd": "a string is not true"}', Outcome.INFO),
        (404, b'{"status": "CONFIRMED"}', Outcome.INFO),
        (500, b'{"status": "CONFIRMED"}', Outcome.INFO),
    ],
)
def test_an_answer_decides_only_if_it_is_clear(status: int, body: bytes, outcome: Outcome) -> None:
    assert QUESTION.read(status, body).outcome is outcome


def test_a_system_without_a_query_knows_nothing() -> None:
    rows = ask_outcomes(
        a_client(),
        lambda _: "http://x",
        [Transaction(tx="t000001", fields={})],
        deadline=Deadline.after(0),
    )
    assert [(row.tx, row.outcome) for row in rows] == [("t000001", "info")]


def test_an_answer_is_shown_short_and_on_one_line() -> None:
    assert shown(b"a\n  b") == "a b"
    assert len(shown(b"x" * 10_000)) == 203


def test_a_process_is_used_again_except_after_an_unknown_outcome() -> None:
    processes = Processes()
    assert [processes.take(), processes.take(), processes.take()] == [0, 1, 2]
    processes.give_back(1, Outcome.OK)
    processes.give_back(0, Outcome.INFO)
    assert [processes.take(), processes.take()] == [1, 3]
