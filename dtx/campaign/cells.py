"""Runs cells one after another, in an environment for each system that is reset between them."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dtx.config.model import Selection
from dtx.core.campaign import Cell, CellFinished, CellResult, CellStarted
from dtx.core.errors import DtxError, ProvisionError
from dtx.core.events import TrialFinished, TrialPlanned
from dtx.core.exit_codes import ExitCode
from dtx.experiment.planning import resolve_system
from dtx.experiment.session import Session
from dtx.experiment.settings import ExperimentSettings
from dtx.targets.provision import RuntimeName, choose_runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignSettings:
    """What all cells of a campaign share.

    Attributes:
        rate, duration_s: of every experiment.
        runtime: auto, docker or local.
        out: the folder below which the cells' run folders are made.
        is_fresh: bring up a new environment for every cell instead of resetting one.
        options: the systems' own options.
    """

    rate: float = 50.0
    duration_s: float = 4.0
    runtime: RuntimeName = RuntimeName.AUTO
    out: Path = Path(".dtx/runs")
    is_fresh: bool = False
    options: Mapping[str, str] = field(default_factory=dict)


def run_cells(
    cells: Iterable[Cell], settings: CampaignSettings
) -> Iterator[CellStarted | CellFinished]:
    """Run every cell; one that can't be run is a result too.

    Raises:
        ProvisionError: the runtime can't be used at all.
        UsageError, ConfigError: a system does not exist or its file is wrong.
    """
    number = itertools.count(1)
    for _, group in itertools.groupby(cells, key=lambda cell: cell.subject):
        waiting = list(group)
        while waiting:
            yield from _in_one_session(waiting, settings, number)


def cell_settings(cell: Cell, settings: CampaignSettings) -> ExperimentSettings:
    """Return the experiment of a cell."""
    return ExperimentSettings(
        system=cell.system,
        selection=Selection(workload=cell.workload, options=settings.options, variant=cell.variant),
        faults=(cell.fault,),
        seed=cell.seed,
        rate=settings.rate,
        duration_s=settings.duration_s,
        runtime=settings.runtime,
        out=settings.out,
    )


def _in_one_session(
    waiting: list[Cell],
    settings: CampaignSettings,
    number: Iterator[int],
) -> Iterator[CellStarted | CellFinished]:
    """Take cells from the front until none is left, or the environment must be made anew."""
    system = resolve_system(cell_settings(waiting[0], settings))
    runtime = choose_runtime(settings.runtime, system.database_kinds)
    with Session(system, runtime, is_for_one=settings.is_fresh) as session:
        while waiting:
            cell = waiting.pop(0)
            n = next(number)
            yield CellStarted(cell=cell, number=n)
            result = _run(cell, session, settings)
            yield CellFinished(result=result, number=n)
            if settings.is_fresh or result.exit_code is ExitCode.ENVIRONMENT:
                return


def _run(cell: Cell, session: Session, settings: CampaignSettings) -> CellResult:
    folder = ""
    finished: TrialFinished | None = None
    try:
        for event in session.trial(cell_settings(cell, settings)):
            if isinstance(event, TrialPlanned):
                folder = str(event.folder)
            elif isinstance(event, TrialFinished):
                finished = event
    except DtxError as error:
        code = ExitCode.ENVIRONMENT if isinstance(error, ProvisionError) else error.exit_code
        return CellResult(cell=cell, exit_code=code, error=error.message, folder=folder)
    if finished is None:
        return CellResult(
            cell=cell, exit_code=ExitCode.INTERNAL, error="the trial ended early", folder=folder
        )
    verdict = finished.verdict
    return CellResult(
        cell=cell,
        exit_code=verdict.status.exit_code,
        status=verdict.status,
        violated=verdict.violated_checkers,
        has_landed=all(window.has_landed for window in verdict.coverage),
        reasons=verdict.reasons,
        folder=folder,
        took_s=finished.took_s,
    )
