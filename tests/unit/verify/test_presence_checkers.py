"""Atomicity, durability and no-phantom: who is present where."""

import msgspec
import pytest

from dtx.core.history import Outcome
from dtx.core.observation import OutcomeRow, PendingRow, PreparedRow
from dtx.core.verdict import Status
from tests.support.histories import (
    INVENTORY,
    ORDERS,
    PAYMENTS,
    RunBuilder,
    check_of,
)


@pytest.fixture
def run() -> RunBuilder:
    builder = RunBuilder()
    builder.commit("t0001")
    builder.refuse("t0002", 2.0)
    builder.lose("t0003", 3.0)
    return builder


@pytest.mark.parametrize("name", ["atomicity", "durability", "no-phantom"])
def test_empty_run_is_not_convicted(name: str) -> None:
    assert check_of(RunBuilder().judge(), name).status is Status.HOLDS


def test_right_run_holds_and_counts_what_was_judged(run: RunBuilder) -> None:
    verdict = run.judge()
    assert verdict.status is Status.HOLDS
    assert verdict.reasons == ()
    assert check_of(verdict, "atomicity").judged == 3
    assert check_of(verdict, "durability").judged == 1


def test_unknown_outcome_present_everywhere_holds(run: RunBuilder) -> None:
    run.commit("t0004", 4.0, outcome=Outcome.INFO)
    verdict = run.judge()
    assert verdict.status is Status.HOLDS
    assert (verdict.counts.info_committed, verdict.counts.info_absent) == (1, 1)


def test_unknown_outcome_present_at_some_convicts_atomicity_alone(run: RunBuilder) -> None:
    run.commit("t0004", 4.0, outcome=Outcome.INFO)
    run.forget("t0004", INVENTORY)
    verdict = run.judge()
    assert verdict.violated_checkers == ("atomicity",)
    finding = check_of(verdict, "atomicity").findings[0]
    assert finding.tx == "t0004"
    assert finding.subjects == ("t0004",)
    assert "inventory-db: no row of it" in finding.evidence
    assert any(line.startswith("payments-db: debit applied, 120") for line in finding.evidence)
    assert verdict.counts.info_partial == 1


def test_unknown_outcome_still_prepared_did_not_leave_no_effect(run: RunBuilder) -> None:
    run.lose("t0004", 4.0)
    run.prepared.append(PreparedRow(participant=PAYMENTS, gid="shop:t0004:1.0a"))
    counts = run.judge().counts
    assert (counts.info, counts.info_prepared, counts.info_absent) == (2, 1, 1)


def test_what_the_system_says_later_and_the_warm_up_are_counted(run: RunBuilder) -> None:
    for number, said in enumerate(("ok", "fail", "fail", "info"), start=4):
        run.lose(f"t000{number}", 4.0)
        run.outcomes.append(OutcomeRow(tx=f"t000{number}", outcome=said))
    run.refuse("t0009", -1.0)
    counts = run.judge().counts
    assert (counts.told_ok, counts.told_fail, counts.warm_up) == (1, 2, 1)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"error":"no free connection: none after 1.00 sec"}', "HTTP 503: no free connection"),
        ('{"error": "not the leader"}', "HTTP 503: not the leader"),
        ("Service Unavailable", "HTTP 503"),
        ('{"error":""}', "HTTP 503"),
    ],
)
def test_a_servers_error_is_a_reason_with_its_words(
    run: RunBuilder, body: str, reason: str
) -> None:
    run.submit("t0004", 4.0)
    run.answer("t0004", Outcome.INFO, 4.5, detail=f"HTTP 503: {body}")
    run.history[-1] = msgspec.structs.replace(run.history[-1], status=503)
    assert run.judge().counts.info_reasons[reason] == 1


def test_missing_completion_counts_as_unknown(run: RunBuilder) -> None:
    run.submit("t0004", 4.0)
    run.applied("t0004", PAYMENTS, 4.1)
    verdict = run.judge()
    assert verdict.violated_checkers == ("atomicity",)
    assert verdict.counts.info == 2


def test_undone_everywhere_is_absent(run: RunBuilder) -> None:
    run.refuse("t0004", 4.0, outcome=Outcome.INFO)
    verdict = run.judge()
    assert verdict.status is Status.HOLDS
    assert verdict.counts.info_absent == 2
    assert verdict.counts.compensated == 2


def test_one_standing_step_of_two_is_present(run: RunBuilder) -> None:
    run.commit("t0004", 4.0)
    run.applied("t0004", PAYMENTS, 4.0, step="fee", amount=7)
    run.undone("t0004", PAYMENTS, 4.2, step="fee", amount=7)
    assert run.judge().status is Status.HOLDS


def test_acknowledged_and_absent_everywhere_convicts_durability_alone(run: RunBuilder) -> None:
    run.forget("t0001")
    run.commit("t0004", 4.0)
    verdict = run.judge()
    assert verdict.violated_checkers == ("durability",)
    assert check_of(verdict, "durability").findings[0].subjects == ("t0001",)


def test_acknowledged_and_partial_convicts_both(run: RunBuilder) -> None:
    run.forget("t0001", PAYMENTS)
    assert run.judge().violated_checkers == ("atomicity", "durability")


def test_refused_and_present_everywhere_convicts_no_phantom_alone(run: RunBuilder) -> None:
    run.commit("t0004", 4.0, outcome=Outcome.FAIL)
    verdict = run.judge()
    assert verdict.violated_checkers == ("no-phantom",)
    assert "answered refused" in check_of(verdict, "no-phantom").findings[0].summary


def test_row_of_a_transaction_nobody_submitted_convicts_no_phantom(run: RunBuilder) -> None:
    run.applied("t9999", ORDERS, 4.0)
    run.pending.append(PendingRow(participant=ORDERS, tx="t9998"))
    verdict = run.judge()
    assert verdict.violated_checkers == ("no-phantom",)
    finding = check_of(verdict, "no-phantom").findings[0]
    assert finding.subjects == ("t9998", "t9999")
    assert "never submitted" in finding.summary
    assert finding.evidence == ("a pending row of it",)


@pytest.mark.parametrize(
    ("said", "is_present", "convicted"),
    [
        ("ok", True, ()),
        ("ok", False, ("durability",)),
        ("fail", False, ()),
        ("fail", True, ("no-phantom",)),
        ("info", True, ()),
        ("info", False, ()),
    ],
)
def test_what_the_system_says_once_quiet_of_an_unknown_one_must_be_true(
    run: RunBuilder, said: str, is_present: bool, convicted: tuple[str, ...]
) -> None:
    run.commit("t0004", 4.0, outcome=Outcome.INFO)
    if not is_present:
        run.forget("t0004")
    run.outcomes.append(OutcomeRow(tx="t0004", outcome=said))
    verdict = run.judge()
    assert verdict.violated_checkers == convicted
    assert verdict.counts.info == 2


def test_systems_word_does_not_overrule_the_clients_answer(run: RunBuilder) -> None:
    run.outcomes.append(OutcomeRow(tx="t0001", outcome="fail"))
    assert run.judge().status is Status.HOLDS


def test_participant_with_expected_amount_zero_takes_no_part(run: RunBuilder) -> None:
    run.submit("t0004", 4.0, price=0)
    run.applied("t0004", INVENTORY, 4.1)
    run.applied("t0004", ORDERS, 4.2)
    run.answer("t0004", Outcome.OK, 4.3)
    assert run.judge().status is Status.HOLDS


def test_without_participants_atomicity_can_not_decide() -> None:
    run = RunBuilder(participants={})
    run.commit("t0001")
    run.lose("t0002")
    verdict = run.judge()
    assert verdict.counts.info_committed == 0
    assert verdict.status is Status.UNKNOWN
    assert check_of(verdict, "atomicity").status is Status.UNKNOWN
    assert "participants" in verdict.reasons[0]


def test_guilty_are_listed_by_time_of_invoke_not_by_name() -> None:
    run = RunBuilder()
    run.commit("t0009", 1.0)
    run.commit("t0001", 2.0)
    run.forget("t0009")
    run.forget("t0001")
    run.commit("t0003", 3.0)
    finding = check_of(run.judge(), "durability").findings[0]
    assert finding.subjects == ("t0009", "t0001")
    assert finding.tx == "t0009"


def test_never_ending_half_done_transaction_convicts_atomicity_and_convergence(
    run: RunBuilder,
) -> None:
    run.submit("t0004", 4.0)
    run.applied("t0004", PAYMENTS, 4.1)
    run.answer("t0004", Outcome.INFO, 7.0)
    run.leave_open("t0004")
    assert run.judge().violated_checkers == ("atomicity", "convergence")
