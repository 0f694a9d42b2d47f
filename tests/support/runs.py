"""Whole experiments for tests: real servers, real workers, real faults."""

from collections.abc import Sequence
from pathlib import Path

from dtx.config.model import Selection
from dtx.core.events import TrialFinished
from dtx.core.verdict import Status
from dtx.experiment.planning import resolve_system
from dtx.experiment.session import Session
from dtx.experiment.settings import ExperimentSettings
from dtx.targets.provision import RuntimeName, choose_runtime

DURATION_S = 2.0


def settings_for(
    *,
    fault: str,
    seed: int,
    out: Path,
    runtime: RuntimeName,
    variant: str | None = None,
    workload: str | None = None,
    system: str = "saga",
    duration_s: float = DURATION_S,
    rate: float = 50.0,
) -> ExperimentSettings:
    return ExperimentSettings(
        system=system,
        selection=Selection(variant=variant, workload=workload),
        faults=(fault,),
        seed=seed,
        duration_s=duration_s,
        rate=rate,
        runtime=runtime,
        out=out,
    )


def open_session(settings: ExperimentSettings) -> Session:
    system = resolve_system(settings)
    return Session(system, choose_runtime(settings.runtime, system.database_kinds))


def run_one(session: Session, settings: ExperimentSettings) -> TrialFinished:
    *_, last = session.trial(settings)
    assert isinstance(last, TrialFinished)
    return last


def run_until_landed(session: Session, settings: Sequence[ExperimentSettings]) -> TrialFinished:
    """Run one seed after another until the fault met live traffic: only such a run proves anything."""
    finished: TrialFinished | None = None
    for one in settings:
        finished = run_one(session, one)
        if finished.verdict.status is not Status.UNKNOWN:
            break
    assert finished is not None
    return finished


def run_until_convicted(session: Session, settings: Sequence[ExperimentSettings]) -> TrialFinished:
    """Run one seed of a broken system after another until one is convicted; how often it is, campaigns measure.

    Whether a bug shows depends on who is under way when the fault strikes, so on the machine's pace.
    """
    seen: list[str] = []
    for one in settings:
        finished = run_one(session, one)
        if finished.verdict.status is Status.VIOLATED:
            return finished
        seen.append(f"seed {one.seed}: {finished.verdict.status} {finished.verdict.reasons}")
    raise AssertionError(f"never convicted: {seen}")
