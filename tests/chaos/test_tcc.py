"""Try, confirm, cancel under real faults; longer campaigns are `dtx matrix` and `dtx selftest`."""

from pathlib import Path

import pytest

from dtx.core.verdict import Status
from dtx.targets.provision import RuntimeName
from tests.support.runs import (
    open_session,
    run_one,
    run_until_convicted,
    run_until_landed,
    settings_for,
)

pytestmark = pytest.mark.local

RATE = 20
FAULTS = {
    "order": (
        "partition@checkout->payments",
        "lose-reply@checkout->inventory",
        "crash-at:after-log-confirming@checkout",
    ),
    "transfer": ("kill@bank-b", "crash-at:confirm-after-commit@bank-a"),
}


@pytest.mark.parametrize("workload", FAULTS)
def test_reference_holds_without_and_under_faults(workload: str, tmp_path: Path) -> None:
    one = settings_for(
        system="tcc", workload=workload, fault="none", seed=1, out=tmp_path,
        runtime=RuntimeName.LOCAL, rate=RATE,
    )  # fmt: skip
    with open_session(one) as session:
        verdict = run_one(session, one).verdict
        assert verdict.status is Status.HOLDS, verdict.reasons
        assert verdict.counts.ok > 0
        assert verdict.counts.fail > 0
        assert [reader.reads for reader in verdict.readers if reader.reads == 0] == []
        for fault in FAULTS[workload]:
            tries = [
                settings_for(
                    system="tcc", workload=workload, fault=fault, seed=seed, out=tmp_path,
                    runtime=RuntimeName.LOCAL, rate=RATE,
                )
                for seed in (1, 2, 3)
            ]  # fmt: skip
            verdict = run_until_landed(session, tries).verdict
            assert verdict.status is Status.HOLDS, (fault, verdict.reasons)
            assert all(window.has_landed for window in verdict.coverage)


def test_participant_that_asks_in_vain_keeps_its_reservation_until_it_is_told(
    tmp_path: Path,
) -> None:
    fault = (
        "lose-reply@checkout->payments,at=1s,for=1s+partition@checkout->payments,at=2100ms,for=6s"
        "+partition@payments->checkout,at=2100ms,for=6s"
    )
    tries = [
        settings_for(
            system="tcc", fault=fault, seed=seed, out=tmp_path, runtime=RuntimeName.LOCAL,
            rate=RATE, duration_s=9,
        )
        for seed in (1, 2, 3)
    ]  # fmt: skip
    with open_session(tries[0]) as session:
        finished = run_until_landed(session, tries)
    assert finished.verdict.status is Status.HOLDS, finished.verdict.reasons
    said = (finished.folder / "logs" / "payments.log").read_text()
    assert "reservation expired, the coordinator does not answer: kept" in said


def test_cancel_accepted_after_confirm_is_convicted(tmp_path: Path) -> None:
    fault = "crash-at:confirm-after-commit@payments,at=200ms,for=1500ms"
    tries = [
        settings_for(
            system="tcc", variant="cancel-after-confirm", fault=fault, seed=seed, out=tmp_path,
            runtime=RuntimeName.LOCAL, rate=RATE,
        )
        for seed in (1, 2, 3)
    ]  # fmt: skip
    with open_session(tries[0]) as session:
        verdict = run_until_convicted(session, tries).verdict
    assert verdict.violated_checkers == ("atomicity", "conservation", "durability")
    assert verdict.stories
