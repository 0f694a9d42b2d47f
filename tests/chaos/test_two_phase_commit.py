"""Two-phase commit under real faults over two vendors; longer campaigns are `dtx matrix` and `dtx selftest`."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from dtx.config.find import find_system
from dtx.config.loader import load_system
from dtx.core.events import TrialFinished
from dtx.core.history import FaultEvent
from dtx.core.run_folder import RunFolder
from dtx.core.verdict import Status
from dtx.experiment.in_doubt import in_doubt_in
from dtx.experiment.session import Session
from dtx.experiment.settings import ExperimentSettings
from dtx.targets.provision import RuntimeName
from tests.support.runs import (
    DURATION_S,
    open_session,
    run_one,
    run_until_convicted,
    run_until_landed,
    settings_for,
)

pytestmark = [pytest.mark.local, pytest.mark.mariadb]

FAULTS = ("partition@tm->payments-db", "lose-reply@tm->log-db", "crash-at:after-decision@tm")


def tries_of(
    fault: str,
    out: Path,
    *,
    variant: str | None = None,
    workload: str | None = None,
    rate: float = 20,
    duration_s: float = DURATION_S,
    seeds: Sequence[int] = (1, 2, 3),
) -> list[ExperimentSettings]:
    """Return the same run with one seed after another: any of them may miss live traffic."""
    return [
        settings_for(
            system="2pc", variant=variant, workload=workload, fault=fault, seed=seed, out=out,
            runtime=RuntimeName.LOCAL, rate=rate, duration_s=duration_s,
        )
        for seed in seeds
    ]  # fmt: skip


def test_reference_holds_without_and_under_faults(tmp_path: Path) -> None:
    one = settings_for(
        system="2pc", fault="none", seed=1, out=tmp_path, runtime=RuntimeName.LOCAL, rate=20
    )
    with open_session(one) as session:
        verdict = run_one(session, one).verdict
        assert verdict.status is Status.HOLDS, verdict.reasons
        assert verdict.counts.ok > 0
        for fault in FAULTS:
            tries = tries_of(fault, tmp_path)
            verdict = run_until_landed(session, tries).verdict
            assert verdict.status is Status.HOLDS, (fault, verdict.reasons)
            assert all(window.has_landed for window in verdict.coverage)


@pytest.mark.parametrize("fault", ["crash-at:after-commit-alone@tm", "partition@tm->orders-db"])
def test_short_ways_hold(tmp_path: Path, fault: str) -> None:
    tries = tries_of(fault, tmp_path, workload="order-short")
    with open_session(tries[0]) as session:
        finished = run_until_landed(session, tries)
    assert finished.verdict.status is Status.HOLDS, finished.verdict.reasons
    said = (finished.folder / "logs" / "tm.log").read_text()
    assert "payments only read: its vote is read-only" in said
    assert "orders decided alone, in one phase: commit" in said


def test_decision_logged_too_late_is_convicted(tmp_path: Path) -> None:
    fault = "crash-at:after-early-commit@tm"
    tries = tries_of(fault, tmp_path, variant="late-decision")
    with open_session(tries[0]) as session:
        verdict = run_until_convicted(session, tries).verdict
    assert verdict.violated_checkers == ("atomicity", "conservation", "no-phantom")
    assert verdict.stories


def first_landed(session: Session, tries: Sequence[ExperimentSettings]) -> TrialFinished:
    """Run one seed after another until the fault met live traffic, whatever the verdict."""
    for one in tries:
        finished = run_one(session, one)
        if all(window.has_landed for window in finished.verdict.coverage):
            return finished
    pytest.fail("the fault never landed")


def test_report_tells_what_a_manager_that_died_between_the_phases_cost(tmp_path: Path) -> None:
    tries = tries_of("crash-at:after-prepare-all@tm", tmp_path, duration_s=4)
    with open_session(tries[0]) as session:
        finished = first_landed(session, tries)
    blocking = finished.verdict.blocking
    assert blocking is not None
    assert "tm was down" in blocking.causes
    assert blocking.unresolved == 0
    assert blocking.rows
    assert blocking.unserved is not None
    assert blocking.unserved.submitted > 0
    [crash] = [
        node
        for entry in RunFolder(finished.folder).read_history()
        if isinstance(entry, FaultEvent)
        for node in entry.nodes
        if node.is_crash_reached
    ]
    worst = in_doubt_in(RunFolder(finished.folder)).worst
    assert worst is not None
    left = [line for line in worst.branches if line.tx == crash.tx]
    assert {line.participant for line in left} == {
        "inventory-db", "orders-db", "payments-db", "queue-db",
    }  # fmt: skip
    assert all(line.decision.startswith(("nothing", "abort")) for line in left)


def test_branches_that_nobody_ends_are_told_as_the_catalogues_have_them(tmp_path: Path) -> None:
    tries = tries_of("crash-at:after-decision@tm", tmp_path, variant="no-recovery", duration_s=4)
    with open_session(tries[0]) as session:
        finished = run_until_convicted(session, tries)
    observations = RunFolder(finished.folder).read_observations()
    assert observations is not None
    catalogued = {(row.participant, row.gid) for row in observations.prepared}
    assert catalogued
    blocking = finished.verdict.blocking
    assert blocking is not None
    assert blocking.unresolved == len(catalogued)
    end = in_doubt_in(RunFolder(finished.folder)).end
    assert end is not None
    assert {(line.participant, line.gid) for line in end.branches} == catalogued
    assert "commit" in {line.decision for line in end.branches}


@pytest.mark.parametrize("fault", ["kill@tm,at=1s,for=6s", "zombie@tm,at=1s,for=6s"])
def test_standby_takes_over_from_a_dead_and_from_a_stopped_leader(
    tmp_path: Path, fault: str
) -> None:
    tries = tries_of(fault, tmp_path, workload="order-standby", rate=10, duration_s=8, seeds=(1, 2))
    with open_session(tries[0]) as session:
        trial = run_until_landed(session, tries)
    assert trial.verdict.status is Status.HOLDS, trial.verdict.reasons
    led = (trial.folder / "logs" / "tm-standby.log").read_text()
    assert "leads in epoch 2" in led


@pytest.mark.parametrize(
    ("variant", "says"),
    [
        ("timeout-races-commit", "rolled back by the time-out"),
        ("rolls-back-live-work", "rolled back without a record"),
        ("two-managers", "is written over a decision"),
        ("no-such-branch-is-done", "answers 'no such branch' to XA COMMIT"),
        ("rollback-is-yes", "answered ROLLBACK to PREPARE TRANSACTION: taken for a Yes"),
    ],
)
def test_variant_is_convicted_and_its_story_says_why(
    tmp_path: Path, variant: str, says: str
) -> None:
    chosen = load_system(find_system("2pc")).variants[variant]
    [fault] = chosen.exposed_by
    tries = tries_of(fault, tmp_path, variant=variant, duration_s=4)
    with open_session(tries[0]) as session:
        finished = run_until_convicted(session, tries)
    assert finished.verdict.violated_checkers == tuple(sorted(chosen.breaks))
    told = [line.what for story in finished.verdict.stories.values() for line in story]
    assert any(says in what for what in told)


@pytest.mark.parametrize("fault", ["power-loss@tm", "crash-at:after-decision@tm"])
def test_a_log_in_a_file_keeps_every_promise(tmp_path: Path, fault: str) -> None:
    tries = tries_of(fault, tmp_path, workload="order-file-log", duration_s=4)
    with open_session(tries[0]) as session:
        trial = run_until_landed(session, tries)
    assert trial.verdict.status is Status.HOLDS, trial.verdict.reasons
    assert "leads in epoch 2" in (trial.folder / "logs" / "tm.log").read_text()


@pytest.mark.parametrize("variant", ["not-synced", "volatile-log"])
def test_a_file_that_forgets_is_convicted(tmp_path: Path, variant: str) -> None:
    chosen = load_system(find_system("2pc")).variants[variant]
    [fault] = chosen.exposed_by
    tries = tries_of(fault, tmp_path, variant=variant, duration_s=4)
    with open_session(tries[0]) as session:
        finished = run_until_convicted(session, tries)
    assert finished.verdict.violated_checkers == tuple(sorted(chosen.breaks))
