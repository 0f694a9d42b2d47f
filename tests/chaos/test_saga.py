"""The saga under real faults on real servers: the reference holds, every variant is convicted by exactly its checkers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dtx.config.find import find_system
from dtx.config.loader import load_system
from dtx.core.verdict import Status
from dtx.experiment.session import Session
from dtx.experiment.settings import ExperimentSettings
from dtx.targets.provision import RuntimeName
from tests.support.runs import (
    open_session,
    run_one,
    run_until_convicted,
    run_until_landed,
    settings_for,
)

RUNTIMES = [
    pytest.param(RuntimeName.LOCAL, marks=pytest.mark.local),
    pytest.param(RuntimeName.DOCKER, marks=pytest.mark.docker),
]
SEEDS = (1, 2, 3)
FAULTS = (
    "partition",
    "lose-reply",
    "kill@orders",
    "kill@payments",
    "kill@payments-db",
    "crash-at:after-reply-debit@orders",
)
VARIANTS = load_system(find_system("saga")).variants
SAMPLE = {
    RuntimeName.LOCAL: (
        "log-not-persisted",
        "compensation-missing",
        "hanging",
        "stale-reply",
        "unversioned-row",
    ),
    RuntimeName.DOCKER: ("not-idempotent", "lost-reply-as-failure"),
}
"""One of each kind, none that needs a lucky moment: `dtx selftest` runs them all, for an hour."""
VARIANT_RUNS = [
    pytest.param(
        runtime, name, marks=getattr(pytest.mark, runtime.value), id=f"{runtime.value}-{name}"
    )
    for runtime, names in SAMPLE.items()
    for name in names
]
VARIANT_DURATION_S = 4.0
"""The faults that expose them name times in a run of this length, the default of `dtx selftest`."""


@pytest.fixture(scope="module", params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> RuntimeName:
    chosen: RuntimeName = request.param
    return chosen


@pytest.fixture(scope="module")
def reference(
    runtime: RuntimeName, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Session, Path]]:
    out = tmp_path_factory.mktemp("runs")
    with open_session(settings_for(fault="none", seed=1, out=out, runtime=runtime)) as session:
        yield session, out


def test_reference_without_fault_holds(
    runtime: RuntimeName, reference: tuple[Session, Path]
) -> None:
    session, out = reference
    verdict = run_one(session, settings_for(fault="none", seed=1, out=out, runtime=runtime)).verdict
    assert verdict.status is Status.HOLDS, verdict.reasons
    assert verdict.counts.ok > 0
    assert verdict.counts.fail > 0, "business refusals belong to the workload"
    assert verdict.counts.compensated > 0, "compensation runs without any fault"


@pytest.mark.parametrize("fault", FAULTS)
def test_reference_under_fault_holds_and_fault_landed(
    runtime: RuntimeName, reference: tuple[Session, Path], fault: str
) -> None:
    session, out = reference
    tries = [settings_for(fault=fault, seed=s, out=out, runtime=runtime) for s in SEEDS]
    verdict = run_until_landed(session, tries).verdict
    assert verdict.status is Status.HOLDS, verdict.reasons
    assert verdict.coverage
    assert all(window.has_landed for window in verdict.coverage)


def test_fault_that_meets_no_traffic_proves_nothing(
    runtime: RuntimeName, reference: tuple[Session, Path]
) -> None:
    session, out = reference
    settings = settings_for(
        fault="lose-reply@orders->payments,at=300ms,for=300ms",
        seed=1,
        out=out,
        runtime=runtime,
        rate=1,
    )
    verdict = run_one(session, settings).verdict
    assert verdict.status is Status.UNKNOWN
    assert not verdict.coverage[0].has_landed
    assert any("did not land" in reason for reason in verdict.reasons)


@pytest.mark.parametrize(("on", "name"), VARIANT_RUNS)
def test_variant_holds_without_fault_and_is_convicted_under_its_fault(
    on: RuntimeName, name: str, tmp_path: Path
) -> None:
    variant = VARIANTS[name]

    def settings(fault: str, seed: int) -> ExperimentSettings:
        return settings_for(
            fault=fault,
            seed=seed,
            out=tmp_path,
            runtime=on,
            variant=name,
            duration_s=VARIANT_DURATION_S,
        )

    with open_session(settings("none", 1)) as session:
        if "none" not in variant.exposed_by:
            assert run_one(session, settings("none", 1)).verdict.status is Status.HOLDS
        for fault in variant.exposed_by:
            finished = run_until_convicted(session, [settings(fault, seed) for seed in SEEDS])
            assert finished.verdict.violated_checkers == tuple(sorted(variant.breaks))
            assert finished.verdict.stories, "a violation has a story"
