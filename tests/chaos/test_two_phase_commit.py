"""Two-phase commit under real faults over two vendors; longer campaigns are `dtx matrix` and `dtx selftest`."""

from pathlib import Path

import pytest

from dtx.core.verdict import Status
from dtx.targets.provision import RuntimeName
from tests.support.runs import open_session, run_one, run_until_landed, settings_for

pytestmark = [pytest.mark.local, pytest.mark.mariadb]

FAULTS = ("partition@tm->payments-db", "lose-reply@tm->log-db", "crash-at:after-decision@tm")


def test_reference_holds_without_and_under_faults(tmp_path: Path) -> None:
    one = settings_for(
        system="2pc", fault="none", seed=1, out=tmp_path, runtime=RuntimeName.LOCAL, rate=20
    )
    with open_session(one) as session:
        verdict = run_one(session, one).verdict
        assert verdict.status is Status.HOLDS, verdict.reasons
        assert verdict.counts.ok > 0
        for fault in FAULTS:
            tries = [
                settings_for(
                    system="2pc", fault=fault, seed=seed, out=tmp_path,
                    runtime=RuntimeName.LOCAL, rate=20,
                )
                for seed in (1, 2, 3)
            ]  # fmt: skip
            verdict = run_until_landed(session, tries).verdict
            assert verdict.status is Status.HOLDS, (fault, verdict.reasons)
            assert all(window.has_landed for window in verdict.coverage)


def test_decision_logged_too_late_is_convicted(tmp_path: Path) -> None:
    fault = "crash-at:after-early-commit@tm"
    tries = [
        settings_for(
            system="2pc", variant="late-decision", fault=fault, seed=seed, out=tmp_path,
            runtime=RuntimeName.LOCAL, rate=20,
        )
        for seed in (1, 2, 3)
    ]  # fmt: skip
    with open_session(tries[0]) as session:
        verdict = run_until_landed(session, tries).verdict
    assert verdict.violated_checkers == ("atomicity", "conservation", "no-phantom")
    assert verdict.stories
