"""Convergence, residue and death: how a run ends."""

import pytest

from dtx.core.history import NodeEvidence, Outcome, ProcessChange, QuietEvent
from dtx.core.observation import PreparedRow, ResidueRow
from dtx.core.schedule import Proof
from dtx.core.verdict import Status
from tests.support.histories import (
    CRASHED_NODE,
    HELD_LINK,
    INVENTORY,
    KILLED_NODE,
    ORDERS,
    PAUSED_NODE,
    PAYMENTS,
    POWERLESS_NODE,
    RESTARTED_NODE,
    RunBuilder,
    check_of,
    mono,
)


@pytest.fixture
def run() -> RunBuilder:
    builder = RunBuilder()
    builder.commit("t0001")
    builder.lose("t0002", 2.0)
    return builder


def test_quiet_in_time_holds_and_says_how_soon(run: RunBuilder) -> None:
    verdict = run.judge()
    assert verdict.status is Status.HOLDS
    assert verdict.converged_after_s == 1.0


def test_quiet_at_the_limit_is_not_late(run: RunBuilder) -> None:
    run.quiet = QuietEvent(at_ns=mono(21), is_quiet=True, waited_s=10.0)
    assert run.judge().status is Status.HOLDS


def test_quiet_after_the_contracts_time_is_late(run: RunBuilder) -> None:
    run.quiet = QuietEvent(at_ns=mono(22), is_quiet=True, waited_s=10.5)
    verdict = run.judge()
    assert verdict.violated_checkers == ("convergence",)
    assert check_of(verdict, "convergence").findings[0].summary.startswith("late: quiet after 10.5")


def test_pending_transaction_is_frozen_and_named(run: RunBuilder) -> None:
    run.leave_open("t0002")
    verdict = run.judge()
    assert verdict.violated_checkers == ("convergence",)
    (finding,) = check_of(verdict, "convergence").findings
    assert finding.tx == "t0002"
    assert "frozen" in finding.summary
    assert finding.evidence[0] == "orders-db: still open since 1.000 s"
    assert verdict.converged_after_s is None


def test_not_quiet_without_pending_rows_names_what_remained(run: RunBuilder) -> None:
    run.quiet = QuietEvent(
        at_ns=mono(22), is_quiet=False, waited_s=10.0, remaining=("proxies hold 12 bytes",)
    )
    verdict = run.judge()
    assert verdict.violated_checkers == ("convergence",)
    assert "proxies hold 12 bytes" in check_of(verdict, "convergence").findings[0].summary


def test_not_quiet_tells_of_the_one_that_waits_longest(run: RunBuilder) -> None:
    run.submit("t0004", 4.0)
    run.submit("t0003", 3.0)
    run.answer("t0003", Outcome.INFO, 22.1, detail="no outcome by the deadline")
    run.quiet = QuietEvent(
        at_ns=mono(22), is_quiet=False, waited_s=10.0, remaining=("2 clients wait for an answer",)
    )
    verdict = run.judge()
    check = check_of(verdict, "convergence")
    assert (check.tx, check.findings[0].tx) == ("t0003", None)
    assert list(verdict.stories) == ["t0003"]


def test_not_quiet_tells_of_the_one_that_is_prepared_longest(run: RunBuilder) -> None:
    for tx in ("t0002", "t0001", "t0009"):
        run.prepared.append(PreparedRow(participant=ORDERS, gid=f"shop:{tx}:1.0a"))
    run.quiet = QuietEvent(
        at_ns=mono(22), is_quiet=False, waited_s=10.0, remaining=("orders-db: prepared branches: 3",)
    )  # fmt: skip
    assert check_of(run.judge(), "convergence").tx == "t0001"


def test_late_or_frozen_has_no_other_story(run: RunBuilder) -> None:
    run.submit("t0003", 3.0)
    run.quiet = QuietEvent(at_ns=mono(22), is_quiet=True, waited_s=10.5)
    assert check_of(run.judge(), "convergence").tx is None
    run.leave_open("t0002")
    verdict = run.judge()
    assert (check_of(verdict, "convergence").tx, [*verdict.stories]) == (None, ["t0002"])


def test_branch_left_prepared_is_named_and_a_stranger_s_is_told_apart(run: RunBuilder) -> None:
    for gid, name in (
        ("shop:t0001:1.0a:orders", ""),
        ("X'ff00',X'80',7", ""),
        ("1_cg==_eA==", "r,x"),
    ):
        run.prepared.append(PreparedRow(participant=ORDERS, gid=gid, name=name))
    run.quiet = QuietEvent(
        at_ns=mono(22), is_quiet=False, waited_s=10.0, remaining=("orders-db: prepared branches: 3",)
    )  # fmt: skip
    verdict = run.judge()
    assert verdict.violated_checkers == ("convergence",)
    assert check_of(verdict, "convergence").findings[0].evidence == (
        "orders-db: prepared branches: 3",
        "orders-db: shop:t0001:1.0a:orders is prepared, of t0001",
        "orders-db: X'ff00',X'80',7 is prepared, which names no transaction of this run",
        "orders-db: r,x is prepared, which names no transaction of this run",
    )


def late(run: RunBuilder) -> None:
    run.quiet = QuietEvent(at_ns=mono(22.4), is_quiet=True, waited_s=11.4, unchanged_s=0.0)


def test_late_on_a_machine_that_others_kept_busy_proves_nothing(run: RunBuilder) -> None:
    late(run)
    run.share(-2, 23, 0.71)
    verdict = run.judge()
    assert verdict.status is Status.UNKNOWN
    [reason] = verdict.reasons
    assert reason == (
        "convergence: late: quiet after 11.4 s, the contract says within 10 s, but other programs had 71 % of the "
        "processors' time meanwhile: run it on a quieter machine"
    )
    assert verdict.foreign_share == 0.71


def test_late_on_a_machine_with_its_usual_bustle_is_late(run: RunBuilder) -> None:
    late(run)
    run.share(-2, 23, 0.24)
    assert run.judge().violated_checkers == ("convergence",)


def test_quiet_in_time_holds_on_a_busy_machine_too(run: RunBuilder) -> None:
    run.share(-2, 23, 0.9)
    assert run.judge().status is Status.HOLDS


def test_machine_that_was_busy_before_the_fault_is_no_excuse(run: RunBuilder) -> None:
    late(run)
    run.fault(Proof.SILENCE, 8.0, 10.0, links=[HELD_LINK])
    run.share(-2, 8, 1.0)
    run.share(8, 23, 0.0)
    assert "convergence" in run.judge().violated_checkers


def test_machine_that_was_busy_in_the_wait_alone_is_an_excuse(run: RunBuilder) -> None:
    late(run)
    run.share(0, 11, 0.0)
    run.share(11, 22.4, 0.4)
    assert run.judge().status is Status.UNKNOWN


def test_machine_that_was_busy_while_the_fault_was_on_is_an_excuse(run: RunBuilder) -> None:
    late(run)
    run.fault(Proof.SILENCE, 2.0, 4.0, links=[HELD_LINK])
    run.share(2, 12, 0.8)
    run.share(12, 23, 0.0)
    assert check_of(run.judge(), "convergence").status is Status.UNKNOWN


def unfinished(run: RunBuilder, unchanged_s: float | None) -> None:
    run.leave_open("t0002")
    run.quiet = QuietEvent(
        at_ns=mono(22), is_quiet=False, waited_s=15.0, remaining=("1 pending",), unchanged_s=unchanged_s
    )  # fmt: skip
    run.share(-2, 23, 0.71)


def test_what_moves_slowly_on_a_busy_machine_is_not_frozen(run: RunBuilder) -> None:
    unfinished(run, 9.9)
    verdict = run.judge()
    assert verdict.status is Status.UNKNOWN
    cut_short, late_reason = verdict.reasons
    assert cut_short.startswith(
        "transactions were still under way when the run ended, but other programs"
    )
    assert "still open 15.0 s after healing" in late_reason
    assert "run it on a quieter machine" in late_reason


def test_what_is_half_done_in_a_run_cut_short_on_a_busy_machine_accuses_nobody(
    run: RunBuilder,
) -> None:
    unfinished(run, 9.9)
    run.effects = [row for row in run.effects if (row.tx, row.participant) != ("t0001", INVENTORY)]
    verdict = run.judge()
    assert verdict.violated_checkers == ()
    assert "transactions were still under way when the run ended" in verdict.reasons[0]


def test_what_is_half_done_and_does_not_move_is_convicted_on_any_machine(run: RunBuilder) -> None:
    unfinished(run, 10.1)
    run.effects = [row for row in run.effects if (row.tx, row.participant) != ("t0001", INVENTORY)]
    assert {"atomicity", "convergence"} <= set(run.judge().violated_checkers)


def test_what_does_not_move_for_the_contracts_time_is_frozen_on_any_machine(
    run: RunBuilder,
) -> None:
    unfinished(run, 10.1)
    assert run.judge().violated_checkers == ("convergence",)


def test_open_row_after_quiet_is_frozen_on_any_machine(run: RunBuilder) -> None:
    run.leave_open("t0002")
    late(run)
    run.share(-2, 23, 0.71)
    assert run.judge().violated_checkers == ("convergence",)


def test_history_without_processors_excuses_nobody(run: RunBuilder) -> None:
    late(run)
    verdict = run.judge()
    assert verdict.violated_checkers == ("convergence",)
    assert verdict.foreign_share is None


def test_without_a_claim_slowness_is_measured_only(run: RunBuilder) -> None:
    run.claim(converges_within_s=None)
    run.leave_open("t0002")
    verdict = run.judge()
    check = check_of(verdict, "convergence")
    assert (verdict.status, check.status, check.is_claimed) == (
        Status.HOLDS,
        Status.VIOLATED,
        False,
    )


def test_run_that_never_waited_can_not_decide(run: RunBuilder) -> None:
    run.quiet = None
    verdict = run.judge()
    assert verdict.status is Status.UNKNOWN
    assert check_of(verdict, "convergence").status is Status.UNKNOWN


def test_fault_left_on_excuses_what_did_not_end(run: RunBuilder) -> None:
    run.leave_open("t0002")
    run.fault(Proof.SILENCE, links=[HELD_LINK], is_healed=False)
    verdict = run.judge()
    assert verdict.status is Status.UNKNOWN
    assert "nothing proves that it was healed: partition" in verdict.reasons


def test_residue_convicts_residue_alone(run: RunBuilder) -> None:
    run.residue.append(ResidueRow(participant=PAYMENTS, name="outbox", count=2))
    verdict = run.judge()
    assert verdict.violated_checkers == ("residue",)
    check = check_of(verdict, "residue")
    assert check.judged == 2
    assert check.findings[0].evidence == ("payments-db.outbox: 2",)


def test_death_that_no_fault_explains_convicts(run: RunBuilder) -> None:
    run.process("payments", ProcessChange.DIED, 3.0, "exit status 1: KeyError")
    verdict = run.judge()
    assert verdict.violated_checkers == ("death",)
    assert check_of(verdict, "death").findings[0].evidence == (
        "payments died at 3.000 s: exit status 1: KeyError",
    )


@pytest.mark.parametrize(
    ("proof", "node"),
    [
        (Proof.DEATH, KILLED_NODE),
        (Proof.CRASH, CRASHED_NODE),
        (Proof.POWER_LOSS, POWERLESS_NODE),
        (Proof.RESTART, RESTARTED_NODE),
    ],
)
def test_death_by_a_fault_is_explained(run: RunBuilder, proof: Proof, node: NodeEvidence) -> None:
    run.fault(proof, 2.0, 4.0, nodes=[node])
    run.process("payments", ProcessChange.DIED, 3.0)
    assert run.judge().status is Status.HOLDS


@pytest.mark.parametrize(("node", "at_s"), [("orders", 3.0), ("payments", 0.5), ("payments", 6.0)])
def test_death_elsewhere_or_at_another_time_is_not_explained(
    run: RunBuilder, node: str, at_s: float
) -> None:
    run.fault(Proof.DEATH, 2.0, 4.0, nodes=[KILLED_NODE])
    run.process(node, ProcessChange.DIED, at_s)
    assert run.judge().violated_checkers == ("death",)


def test_link_fault_does_not_explain_a_death(run: RunBuilder) -> None:
    run.fault(Proof.SILENCE, links=[HELD_LINK])
    run.process("orders->payments", ProcessChange.DIED, 3.0)
    assert run.judge().violated_checkers == ("death",)


def test_pause_does_not_explain_a_death(run: RunBuilder) -> None:
    run.fault(Proof.PAUSE, 2.0, 4.0, nodes=[PAUSED_NODE])
    run.process("payments", ProcessChange.DIED, 3.0)
    assert run.judge().violated_checkers == ("death",)


def test_clean_stop_pause_and_resume_are_no_deaths(run: RunBuilder) -> None:
    for change in (ProcessChange.STOPPED, ProcessChange.PAUSED, ProcessChange.RESUMED):
        run.process("payments", change, 3.0)
    assert run.judge().status is Status.HOLDS


def test_kill_by_the_harness_and_the_end_of_the_run_are_no_deaths(run: RunBuilder) -> None:
    run.process("payments", ProcessChange.KILLED, 3.0)
    run.process("payments", ProcessChange.DIED, 24.5)
    assert run.judge().status is Status.HOLDS
