"""Transfers in both directions over two vendors: they lock each other out, and the report says who whom."""

from pathlib import Path

import pytest

from dtx.core.verdict import Status, WaitingSummary
from dtx.targets.provision import RuntimeName
from tests.support.runs import open_session, run_one, run_until_convicted, settings_for

pytestmark = [pytest.mark.local, pytest.mark.mariadb]


def _deadlocked(tmp_path: Path) -> WaitingSummary:
    """Run transfers until two of them met; every run holds."""
    tries = [
        settings_for(
            system="2pc", workload="transfer", fault="none", seed=seed, out=tmp_path,
            runtime=RuntimeName.LOCAL,
        )
        for seed in range(1, 7)
    ]  # fmt: skip
    with open_session(tries[0]) as session:
        for one in tries:
            verdict = run_one(session, one).verdict
            assert verdict.status is Status.HOLDS, verdict.reasons
            assert verdict.waiting is not None
            if verdict.waiting.unseen_by_servers:
                return verdict.waiting
    raise AssertionError("no two transfers met in six runs")


def test_deadlock_over_two_vendors_is_broken_and_named(tmp_path: Path) -> None:
    waiting = _deadlocked(tmp_path)
    assert waiting.unbroken == 0
    assert waiting.lost > 0
    deadlock = next(d for d in waiting.shown if len({wait.database for wait in d.waits}) > 1)
    assert {wait.database for wait in deadlock.waits} == {"bank-a-db", "bank-b-db"}
    assert len({wait.what for wait in deadlock.waits}) == 1  # the same customer's accounts
    assert any("refused" in end for end in deadlock.ended.values())
    assert deadlock.first_word is not None
    assert "lock time" in deadlock.first_word.what.casefold()


def test_retry_that_left_its_transaction_is_convicted(tmp_path: Path) -> None:
    tries = [
        settings_for(
            system="2pc", workload="transfer", variant="retry-outside",
            fault="lock:accounts@bank-a-db", seed=seed, out=tmp_path,
            runtime=RuntimeName.LOCAL, duration_s=3,
        )
        for seed in (1, 2, 3)
    ]  # fmt: skip
    with open_session(tries[0]) as session:
        verdict = run_until_convicted(session, tries).verdict
    assert verdict.violated_checkers == ("atomicity", "conservation", "no-phantom")
