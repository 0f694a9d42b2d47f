"""Readers on real servers: what they see is measured, and convicted where the contract claims that nobody sees it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dtx.core.events import TrialFinished
from dtx.core.verdict import Status
from dtx.experiment.judging import judge_run
from dtx.experiment.session import Session
from dtx.targets.provision import RuntimeName
from tests.chaos.bank_system import write_bank
from tests.support.histories import check_of
from tests.support.runs import open_session, run_one, settings_for

pytestmark = pytest.mark.local


class Bank:
    """A held environment of the two banks, and where its runs go."""

    def __init__(self, session: Session, system: Path) -> None:
        self._session = session
        self._system = system

    def run(self, fault: str) -> TrialFinished:
        out = self._system.parent / "runs"
        settings = settings_for(
            system=str(self._system),
            fault=fault,
            seed=1,
            out=out,
            runtime=RuntimeName.LOCAL,
            rate=20,
            duration_s=3,
        )
        return run_one(self._session, settings)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    system = write_bank(tmp_path_factory.mktemp("bank"))
    settings = settings_for(
        system=str(system), fault="none", seed=1, out=system.parent, runtime=RuntimeName.LOCAL
    )
    with open_session(settings) as session:
        yield Bank(session, system)


@pytest.fixture(scope="module")
def quiet_run(bank: Bank) -> TrialFinished:
    return bank.run("none")


def test_what_readers_see_of_half_done_transfers_is_measured_and_convicts_nobody(
    quiet_run: TrialFinished,
) -> None:
    verdict = quiet_run.verdict
    assert verdict.status is Status.HOLDS, verdict.reasons
    (audit,) = verdict.readers
    assert audit.reads > 5
    assert (audit.failed, audit.went_back, audit.is_joined) == (0, 0, True)
    assert audit.dirty_transactions > 0
    assert audit.wrong_sums > 0
    assert -9 * 60 <= audit.low < 0
    check = check_of(verdict, "isolation")
    assert (check.is_claimed, check.judged) == (False, audit.reads)


@pytest.mark.parametrize(
    ("level", "status"),
    [
        ("semantic-lock", Status.HOLDS),  # the bank marks every transfer that is not final
        ("read-committed", Status.VIOLATED),
        ("serializable", Status.VIOLATED),
    ],
)
def test_same_run_is_judged_by_what_the_contract_claims(
    quiet_run: TrialFinished, tmp_path: Path, level: str, status: Status
) -> None:
    folder = shutil.copytree(quiet_run.folder, tmp_path / "run")
    plan = json.loads((folder / "plan.json").read_text())
    plan["system"]["contract"]["isolation"] = level
    (folder / "plan.json").write_text(json.dumps(plan))
    verdict = judge_run(folder)
    assert verdict.status is status, verdict.reasons
    assert verdict.violated_checkers == (("isolation",) if status is Status.VIOLATED else ())


def test_claim_that_is_too_much_is_convicted_with_the_story_of_what_was_seen(
    tmp_path: Path,
) -> None:
    settings = settings_for(
        system=str(write_bank(tmp_path)),
        fault="none",
        seed=2,
        out=tmp_path / "runs",
        runtime=RuntimeName.LOCAL,
        rate=20,
        variant="boastful",
    )
    with open_session(settings) as session:
        verdict = run_one(session, settings).verdict
    assert verdict.violated_checkers == ("isolation",)
    (finding,) = check_of(verdict, "isolation").findings
    assert finding.tx is not None
    assert f"{finding.tx} seen at left-db, marked as pending" in finding.evidence[0]
    story = [(line.who, line.what) for line in verdict.stories[finding.tx]]
    assert ("audit", "sees it at left-db") in story
    assert story.index(("audit", "sees it at left-db")) < story.index(
        ("audit", "no longer sees it at left-db")
    )


def test_fault_that_names_a_reader_hurts_its_reads_and_no_transaction(bank: Bank) -> None:
    verdict = bank.run("partition@audit->bank,for=1").verdict
    assert verdict.status is Status.HOLDS, verdict.reasons
    (window,) = verdict.coverage
    assert window.targets == ("audit->bank",)
    (audit,) = verdict.readers
    assert audit.reads > 0
    assert audit.failed + audit.skipped > 0
    assert verdict.counts.info == 0
