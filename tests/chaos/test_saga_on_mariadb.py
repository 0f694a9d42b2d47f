"""The order saga with payments in MariaDB, under faults of that link and of that server."""

from pathlib import Path

import pytest

from dtx.core.verdict import Status
from dtx.targets.provision import RuntimeName
from tests.support.runs import open_session, run_until_convicted, run_until_landed, settings_for

pytestmark = [pytest.mark.local, pytest.mark.mariadb]

RATE = 30


@pytest.mark.parametrize("fault", ["partition@payments->payments-db", "kill@payments-db"])
def test_payments_in_mariadb_hold(tmp_path: Path, fault: str) -> None:
    tries = [
        settings_for(
            workload="order-mariadb", fault=fault, seed=seed, out=tmp_path,
            runtime=RuntimeName.LOCAL, rate=RATE,
        )
        for seed in (1, 2, 3)
    ]  # fmt: skip
    with open_session(tries[0]) as session:
        verdict = run_until_landed(session, tries).verdict
    assert verdict.status is Status.HOLDS, verdict.reasons
    assert all(window.has_landed for window in verdict.coverage)


def test_lock_time_out_taken_for_a_rollback_is_convicted(tmp_path: Path) -> None:
    tries = [
        settings_for(
            variant="half-rolled-back", fault="lock:accounts@payments-db", seed=seed,
            out=tmp_path, runtime=RuntimeName.LOCAL, rate=RATE, duration_s=4,
        )
        for seed in (1, 2, 3)
    ]  # fmt: skip
    with open_session(tries[0]) as session:
        verdict = run_until_convicted(session, tries).verdict
    assert verdict.violated_checkers == ("atomicity", "no-phantom")
    [tx, *_] = verdict.stories
    assert any("taken to be rolled back" in line.what for line in verdict.stories[tx])
