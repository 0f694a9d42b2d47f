"""One door, proved: two services in Node that know nothing of dtx, run by path, judged like a built-in system."""

import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from dtx.core.errors import ProvisionError
from dtx.core.ports import Toxic
from dtx.core.verdict import Status
from dtx.experiment.settings import ExperimentSettings
from dtx.targets.provision import RuntimeName
from dtx.targets.proxies.links import ProxiedLinks
from tests.support.runs import (
    open_session,
    run_one,
    run_until_convicted,
    run_until_landed,
    settings_for,
)

pytestmark = [pytest.mark.local, pytest.mark.node]
EXAMPLE = Path(__file__).parents[2] / "examples" / "shop-node"
LOSE_REPLY = "lose-reply@shop->stock"


def _copied(folder: Path) -> Path:
    """Return a copy without what a reader may have installed in the example's own folder."""
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("node_modules"))
    return folder


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, installed as its README says."""
    folder = _copied(tmp_path_factory.mktemp("example") / "shop-node")
    done = subprocess.run(
        ["npm", "ci"], cwd=folder, capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stderr
    return folder


def _tries(
    folder: Path, fault: str, out: Path, variant: str | None = None
) -> list[ExperimentSettings]:
    return [
        settings_for(
            system=str(folder),
            fault=fault,
            seed=seed,
            out=out,
            runtime=RuntimeName.LOCAL,
            variant=variant,
            duration_s=3,
            rate=30,
        )
        for seed in (1, 2, 3)
    ]


@pytest.mark.parametrize(
    ("variant", "fault", "violated"),
    [
        (None, "partition", ()),
        (None, LOSE_REPLY, ()),
        (None, "kill@stock", ()),
        ("key-per-attempt", LOSE_REPLY, ("conservation", "exactly-once")),
        ("timeout-as-refusal", LOSE_REPLY, ("atomicity", "conservation", "no-phantom")),
    ],
)
def test_services_hold_and_their_planted_bugs_are_convicted(
    shop: Path, tmp_path: Path, variant: str | None, fault: str, violated: tuple[str, ...]
) -> None:
    tries = _tries(shop, fault, tmp_path, variant)
    with open_session(tries[0]) as session:
        run_until = run_until_convicted if violated else run_until_landed
        verdict = run_until(session, tries).verdict
    assert verdict.status is (Status.VIOLATED if violated else Status.HOLDS), verdict.reasons
    assert verdict.violated_checkers == violated


def test_orders_that_the_stock_does_not_answer_in_time_are_cancelled_and_their_stock_is_released(
    shop: Path, tmp_path: Path
) -> None:
    tries = _tries(shop, f"{LOSE_REPLY},at=0.3s,for=5s", tmp_path)
    tries = [replace(one, duration_s=6.0) for one in tries]
    with open_session(tries[0]) as session:
        verdict = run_until_landed(session, tries).verdict
    assert verdict.status is Status.HOLDS, verdict.reasons
    assert verdict.counts.compensated > 0


def test_a_partition_in_which_the_whole_pool_is_stuck_before_the_count_begins_has_landed(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurt = ProxiedLinks.hurt

    def as_on_a_busy_machine(links: ProxiedLinks, link: str, toxics: Sequence[Toxic]) -> None:
        hurt(links, link, toxics)
        time.sleep(0.6)

    monkeypatch.setattr(ProxiedLinks, "hurt", as_on_a_busy_machine)
    [settings, *_] = _tries(shop, "partition@shop->shop-db,at=1s,for=1.2s", tmp_path)
    with open_session(settings) as session:
        verdict = run_one(session, replace(settings, rate=80.0)).verdict
    assert verdict.status is Status.HOLDS, verdict.reasons
    assert "had asked just before" in verdict.coverage[0].reason


def test_without_its_dependencies_the_error_says_what_is_missing_and_what_to_do(
    tmp_path: Path,
) -> None:
    folder = _copied(tmp_path / "shop-node")
    [settings, *_] = _tries(folder, "none", tmp_path)
    with pytest.raises(ProvisionError) as caught, open_session(settings) as session:
        run_one(session, settings)
    assert "Cannot find package 'pg'" in caught.value.message
    assert f"was `npm ci` done in {folder}?" in caught.value.hint
