"""`dtx matrix`: systems x faults x seeds, one row for each system under each fault."""

import itertools
import statistics
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass

from dtx.campaign.cells import CampaignSettings, cell_settings, run_cells
from dtx.campaign.expand import expand, seldom_used
from dtx.core.campaign import (
    CampaignEvent,
    CampaignStarted,
    Cell,
    CellFinished,
    CellResult,
    MatrixFinished,
    MatrixRow,
    Skipped,
    Subject,
)
from dtx.core.errors import UnfitError
from dtx.core.exit_codes import ExitCode, worst
from dtx.core.verdict import Status
from dtx.experiment.planning import plan_for, resolve_system
from dtx.targets.provision import RuntimeChoice, RuntimeName

SELDOM = "a link that carries traffic only after a failure; name it beside one"


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixSettings:
    """Which cells: every system with every workload under every fault with every seed from `first_seed` on.

    A workload that is None is the base, or the one that the variant belongs to.
    """

    systems: tuple[str, ...]
    workloads: tuple[str | None, ...] = (None,)
    faults: tuple[str, ...]
    seeds: int
    first_seed: int = 1
    variant: str | None = None
    campaign: CampaignSettings


def run_matrix(settings: MatrixSettings) -> Generator[CampaignEvent, None, None]:
    """Run the matrix; the last event has the table.

    Raises:
        DtxError: a system or fault is wrong (found before anything starts), or the runtime can't be used.
    """
    cells, skipped = matrix_cells(settings)
    yield CampaignStarted(cells=cells, skipped=skipped)
    results: list[CellResult] = []
    for event in run_cells(cells, settings.campaign):
        yield event
        if isinstance(event, CellFinished):
            results.append(event.result)
    yield MatrixFinished(
        rows=matrix_rows(results),
        results=tuple(results),
        exit_code=worst(r.exit_code for r in results) if results else ExitCode.UNKNOWN,
        skipped=skipped,
    )


def interrupted_matrix(begun: CampaignStarted, results: Sequence[CellResult]) -> MatrixFinished:
    """Return the matrix of the cells that had ended."""
    return MatrixFinished(
        rows=matrix_rows(results),
        results=tuple(results),
        exit_code=ExitCode.INTERRUPTED,
        skipped=begun.skipped,
        is_interrupted=True,
    )


def matrix_cells(settings: MatrixSettings) -> tuple[tuple[Cell, ...], tuple[Skipped, ...]]:
    """Return all cells, those of one system together, and what a system can't suffer; every fault text is checked.

    Raises:
        DtxError: a system or fault is wrong.
    """
    cells: list[Cell] = []
    skipped: list[Skipped] = []
    for name, workload in itertools.product(settings.systems, settings.workloads):
        wanted = Subject(system=name, workload=workload, variant=settings.variant)
        system = resolve_system(cell_settings(wanted.cell("none", 0), settings.campaign))
        subject = Subject(system=name, workload=system.workload, variant=settings.variant)

        def skip(fault: str, reason: str, subject: Subject = subject) -> None:
            skipped.append(
                Skipped(
                    system=subject.system,
                    workload=subject.workload,
                    variant=subject.variant,
                    fault=fault,
                    reason=reason,
                )
            )

        for written in settings.faults:
            for left_out in seldom_used(written, system):
                skip(left_out, SELDOM)
            try:
                of_fault = _cells(settings, subject, expand([written], system))
                check_faults(of_fault, settings.campaign)
            except UnfitError as error:
                skip(written, error.message)
            else:
                cells += of_fault
    return tuple(dict.fromkeys(cells)), tuple(dict.fromkeys(skipped))


def _cells(settings: MatrixSettings, subject: Subject, faults: Sequence[str]) -> list[Cell]:
    seeds = range(settings.first_seed, settings.first_seed + settings.seeds)
    return [subject.cell(fault, seed) for fault in faults for seed in seeds]


def check_faults(cells: Iterable[Cell], campaign: CampaignSettings) -> None:
    """Plan one cell of every fault, so that a wrong text is an error before anything starts."""
    nowhere = RuntimeChoice(name=RuntimeName.LOCAL, reason="planning only")
    for cell in {(c.subject, c.fault): c for c in cells}.values():
        settings = cell_settings(cell, campaign)
        plan_for(settings, resolve_system(settings), nowhere)


def matrix_rows(results: Sequence[CellResult]) -> tuple[MatrixRow, ...]:
    """Return one row for each subject and fault, in order of appearance."""
    groups: dict[tuple[object, str], list[CellResult]] = {}
    for result in results:
        groups.setdefault((result.cell.subject, result.cell.fault), []).append(result)
    return tuple(_row(group[0].cell, group) for group in groups.values())


def _row(cell: Cell, group: Sequence[CellResult]) -> MatrixRow:
    def count(status: Status | None) -> int:
        return sum(result.status is status for result in group)

    return MatrixRow(
        system=cell.system,
        workload=cell.workload,
        variant=cell.variant,
        fault=cell.fault,
        cells=len(group),
        landed=sum(result.has_landed for result in group),
        holds=count(Status.HOLDS),
        violated=count(Status.VIOLATED),
        unknown=count(Status.UNKNOWN),
        failed=count(None),
        violated_checkers=tuple(sorted({name for result in group for name in result.violated})),
        median_s=statistics.median(result.took_s for result in group),
    )
