"""A story: in time order, in plain words, cut where it is too long."""

import pytest

from dtx.core.history import Outcome, ProcessChange
from dtx.core.observation import DecisionRow, OutcomeRow, PreparedRow
from dtx.core.schedule import Proof
from dtx.verify.story import MAX_LINES, MAX_WIDTH
from tests.support.histories import (
    HELD_LINK,
    INVENTORY,
    KILLED_NODE,
    ORDERS,
    PAYMENTS,
    RunBuilder,
    wall,
)


@pytest.fixture
def run() -> RunBuilder:
    """t0002 lost its reservation while payments was partitioned; its client does not know."""
    builder = RunBuilder()
    builder.commit("t0001")
    builder.submit("t0002", 2.0)
    builder.accept("t0002", 2.3)
    builder.applied("t0002", PAYMENTS, 2.1)
    builder.answer("t0002", Outcome.INFO, 5.0, detail="no answer within 3 s")
    builder.log("orders", 2.05, "t0002 asks payments for the debit")
    builder.log("orders", 1.05, "t0001 asks payments for the debit")
    builder.fault(Proof.SILENCE, 2.2, 4.0, links=[HELD_LINK])
    return builder


def test_story_merges_all_sources_in_time_order(run: RunBuilder) -> None:
    lines = [(line.at_s, line.who, line.what) for line in run.judge().stories["t0002"]]
    assert lines == [
        (2.0, "client", "submits t0002: sku=apple, price=40, quantity=3"),
        (2.05, "orders", "t0002 asks payments for the debit"),
        (2.1, "payments-db", "debit applied, 120"),
        (2.2, "fault", "partition begins on orders->payments"),
        (2.3, "client", "is told that it is under way (202); keeps asking"),
        (4.0, "fault", "partition is over on orders->payments"),
        (5.0, "client", "does not learn the outcome: no answer within 3 s"),
        (12.0, "dtx", "1.0 s after healing all is quiet; what is there now counts"),
        (23.0, "orders-db", "has no effect of it"),
        (23.0, "inventory-db", "has no effect of it"),
    ]


def test_what_is_prepared_in_the_end_is_not_told_to_have_no_effect(run: RunBuilder) -> None:
    run.prepared.append(PreparedRow(participant=ORDERS, gid="X'00'", name="shop:t0002:1.0a"))
    told = {line.who: line.what for line in run.judge().stories["t0002"]}
    assert told[ORDERS] == "holds it prepared, undecided"
    assert told[INVENTORY] == "has no effect of it"
    evidence = run.judge().checks[0].findings[0].evidence
    assert "orders-db: holds it prepared, undecided" in evidence
    assert "orders-db: no row of it" not in evidence


def test_what_is_prepared_though_it_is_decided_is_told_as_that(run: RunBuilder) -> None:
    run.prepared.append(PreparedRow(participant=ORDERS, gid="shop:t0002:1.0a"))
    run.decisions.append(DecisionRow(participant="log-db", subject="t0002", decision="commit"))
    told = {line.who: line.what for line in run.judge().stories["t0002"]}
    assert told[ORDERS] == "holds it prepared, though commit is decided"
    assert told["log-db"] == "decided: commit (time not known)"


@pytest.mark.parametrize("subject", ["t0002", "shop:t0002:1.0a"])
def test_a_decision_is_told_at_its_time(run: RunBuilder, subject: str) -> None:
    for name, at_s in ((subject, 2.2), ("t0001", 1.2)):
        run.decisions.append(
            DecisionRow(participant="log-db", subject=name, decision="commit", at_ns=wall(at_s))
        )
    story = run.judge().stories["t0002"]
    assert [(line.at_s, line.what) for line in story if line.who == "log-db"] == [
        (2.2, "decided: commit")
    ]


def test_only_convicted_transactions_have_stories(run: RunBuilder) -> None:
    assert list(run.judge().stories) == ["t0002"]


def test_fault_that_the_transaction_never_met_is_left_out(run: RunBuilder) -> None:
    run.fault(Proof.SILENCE, 7.0, 8.0, links=[HELD_LINK])
    begun = [line.at_s for line in run.judge().stories["t0002"] if "begins" in line.what]
    assert begun == [2.2]


def test_deaths_and_restarts_are_told(run: RunBuilder) -> None:
    run.fault(Proof.DEATH, 3.0, 4.5, nodes=[KILLED_NODE])
    run.process("payments", ProcessChange.KILLED, 3.0)
    run.process("payments", ProcessChange.READY, 4.4)
    run.process("payments", ProcessChange.READY, 0.5)
    told = [
        (line.at_s, line.what) for line in run.judge().stories["t0002"] if line.who == "payments"
    ]
    assert told == [(3.0, "is killed by the fault"), (4.4, "is ready again")]


def test_effect_without_commit_time_and_the_systems_word_come_at_the_end(run: RunBuilder) -> None:
    run.applied("t0002", INVENTORY, None)
    run.outcomes.append(OutcomeRow(tx="t0002", outcome="fail"))
    words = [line.what for line in run.judge().stories["t0002"]]
    assert words[-3:] == [
        "reserve applied, 3 (time not known)",
        "has no effect of it",
        "asked now what became of it: fail",
    ]


def test_long_story_loses_log_lines_in_its_middle_and_says_how_many(run: RunBuilder) -> None:
    for number in range(200):
        run.log("orders", 2.1 + number / 1000, f"t0002 line {'x' * number}.")
    story = run.judge().stories["t0002"]
    assert len(story) == MAX_LINES
    left_out = [line.what for line in story if line.who == "dtx" and "left out" in line.what]
    assert left_out == [f"({201 + 9 - MAX_LINES + 1} log lines left out here)"]
    assert story[0].who == "client"
    assert f"t0002 line {'x' * 199}." in {line.what for line in story}
    assert sum(line.who == "fault" for line in story) == 2


def test_what_a_worker_says_again_and_again_is_told_twice(run: RunBuilder) -> None:
    for number in range(50):
        run.log("orders", 2.1 + number / 100, f"t0002 asked again, attempt {number}")
        run.log("payments", 2.1 + number / 100, f"{'t0002 locked' if number < 3 else 'else'}")
    story = run.judge().stories["t0002"]
    told = [line.what for line in story if line.who == "orders"]
    assert told == [
        "t0002 asks payments for the debit",
        "t0002 asked again, attempt 0",
        "t0002 asked again, attempt 49 (and 48 like it before)",
    ]
    assert [line.what for line in story if line.who == "payments"] == ["t0002 locked"] * 3


def test_name_that_a_line_begins_with_is_not_told_in_its_own_story(run: RunBuilder) -> None:
    run.log("payments", 2.1, "tx=t0002 debit refused")
    assert "debit refused" in {line.what for line in run.judge().stories["t0002"]}


def test_long_story_without_logs_is_cut_too(run: RunBuilder) -> None:
    for number in range(100):
        run.applied("t0002", PAYMENTS, 2.11 + number / 1000)
    assert len(run.judge().stories["t0002"]) == MAX_LINES


def test_long_line_is_shortened(run: RunBuilder) -> None:
    run.log("orders", 2.06, "t0002 " + "x" * 1000)
    assert max(len(line.what) for line in run.judge().stories["t0002"]) == MAX_WIDTH


def test_story_of_a_transaction_nobody_submitted_is_told_from_its_rows(run: RunBuilder) -> None:
    run.applied("t0009", PAYMENTS, 6.0)
    assert run.judge().stories["t0009"][0].who == PAYMENTS
