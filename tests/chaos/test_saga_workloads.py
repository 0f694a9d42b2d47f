"""The workloads credit and transfer under real faults on real servers, and what readers of transfers see."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dtx.core.verdict import Status
from dtx.experiment.session import Session
from dtx.targets.provision import RuntimeName
from tests.support.runs import open_session, run_one, run_until_landed, settings_for

RUNTIMES = [
    pytest.param(RuntimeName.LOCAL, marks=pytest.mark.local),
    pytest.param(RuntimeName.DOCKER, marks=pytest.mark.docker),
]
SEEDS = (1, 2, 3)
FAULTS = {
    "credit": (
        "partition@orders->customers",
        "lose-reply@orders->customers",
        "kill@customers-db",
        "crash-at:after-log-started@orders",
    ),
    "transfer": (
        "partition@transfers->bank-a",
        "lose-reply@transfers->bank-b",
        "kill@bank-b",
        "crash-at:deposit-after-commit@bank-a",
    ),
}


@pytest.fixture(scope="module", params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> RuntimeName:
    chosen: RuntimeName = request.param
    return chosen


@pytest.fixture(scope="module", params=FAULTS)
def workload(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def session(runtime: RuntimeName, workload: str, out: Path) -> Iterator[Session]:
    first = settings_for(fault="none", seed=1, out=out, runtime=runtime, workload=workload)
    with open_session(first) as session:
        yield session


def test_workload_without_fault_holds_and_some_are_refused(
    session: Session, runtime: RuntimeName, workload: str, out: Path
) -> None:
    calm = settings_for(fault="none", seed=1, out=out, runtime=runtime, workload=workload)
    verdict = run_one(session, calm).verdict
    assert verdict.status is Status.HOLDS, verdict.reasons
    assert verdict.counts.ok > 0
    assert verdict.counts.fail > 0
    if workload == "transfer":
        assert verdict.counts.compensated > 0, "closed accounts send money back"
        [reader] = verdict.readers
        assert reader.reads > 0
        assert reader.wrong_sums > 0, "a saga shows money that is on its way"


def test_workload_under_fault_holds_and_fault_landed(
    session: Session, runtime: RuntimeName, workload: str, out: Path
) -> None:
    for fault in FAULTS[workload]:
        tries = [
            settings_for(fault=fault, seed=seed, out=out, runtime=runtime, workload=workload)
            for seed in SEEDS
        ]
        verdict = run_until_landed(session, tries).verdict
        assert verdict.status is Status.HOLDS, (fault, verdict.reasons)
        assert all(window.has_landed for window in verdict.coverage)
