"""`dtx selftest`: is every variant convicted by exactly the checkers it names, and no reference ever accused?"""

import contextlib
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

from dtx.campaign.cells import CampaignSettings, run_cells
from dtx.campaign.expand import expand
from dtx.campaign.matrix import check_faults
from dtx.config.find import find_system
from dtx.config.loader import declared, load_system
from dtx.config.model import Selection, System, Variant
from dtx.config.place import did_you_mean
from dtx.core.campaign import (
    CampaignEvent,
    CampaignStarted,
    Cell,
    CellFinished,
    CellResult,
    SelftestFinished,
    SelftestRow,
    Subject,
)
from dtx.core.errors import UnfitError, UsageError
from dtx.core.exit_codes import ExitCode, worst
from dtx.core.verdict import Status

NONE = "none"
CONVICTED_AT_LEAST = 0.9
"""Share of the cells in which the fault landed."""

HOLDS_AT_LEAST = 0.95
"""Share of all cells of references; the rest may be `unknown`, never `violated`."""

CRASH = "crash-at:"
SEEDS_FOR_EACH_POINT_OF = 5
"""A reference has many crash points, which differ more than the seeds of one: each gets a fifth of the seeds."""

REFERENCE_FAULTS = (NONE, "partition", "lose-reply", "kill", "crash-at:each")


@dataclass(frozen=True, slots=True, kw_only=True)
class SelftestSettings:
    """Which systems, workloads and variants (all if empty), and how many seeds for each.

    `calm_seeds` is how many of them are run under `none` where that must hold: nothing depends on luck there.
    """

    systems: tuple[str, ...]
    workloads: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    seeds: int = 10
    first_seed: int = 1
    calm_seeds: int = 3
    has_references: bool = True
    campaign: CampaignSettings


class Expectation(Subject, frozen=True, kw_only=True):
    """A variant (or the reference) under a fault, and the checkers that must convict it."""

    fault: str
    breaks: tuple[str, ...] = ()


def run_selftest(settings: SelftestSettings) -> Generator[CampaignEvent, None, None]:
    """Run all variants and references; the last event has the table.

    Raises:
        DtxError: a system or variant does not exist, or the runtime can't be used.
    """
    expectations = _expectations(settings)
    cells = expected_cells(settings)
    check_faults(cells, settings.campaign)
    yield CampaignStarted(cells=cells)
    results: list[CellResult] = []
    for event in run_cells(cells, settings.campaign):
        yield event
        if isinstance(event, CellFinished):
            results.append(event.result)
    rows = tuple(selftest_row(one, results) for one in expectations)
    yield SelftestFinished(
        rows=rows, results=tuple(results), exit_code=selftest_exit_code(rows, results)
    )


def interrupted_selftest(
    settings: SelftestSettings, results: Sequence[CellResult]
) -> SelftestFinished:
    """Return the rows of the cells that had ended."""
    rows = (selftest_row(one, results) for one in _expectations(settings))
    return SelftestFinished(
        rows=tuple(row for row in rows if row.cells),
        results=tuple(results),
        exit_code=ExitCode.INTERRUPTED,
        is_interrupted=True,
    )


def expected_cells(settings: SelftestSettings) -> tuple[Cell, ...]:
    """Return all cells, those of one subject together.

    Raises:
        DtxError: a system, workload or variant does not exist.
    """
    return tuple(cell for one in _expectations(settings) for cell in selftest_cells(one, settings))


def _expectations(settings: SelftestSettings) -> list[Expectation]:
    found: list[Expectation] = []
    known: dict[str, None] = {}
    for name in settings.systems:
        offers = declared(find_system(name)).offers
        workloads = _workloads(name, settings.workloads or (None, *offers.workloads))
        mine = [v for v in offers.variants.values() if v.workload in workloads]
        known |= dict.fromkeys(variant.name for variant in mine)
        for variant in mine:
            if not settings.variants or variant.name in settings.variants:
                found += _of_variant(name, variant)
        if settings.has_references and not settings.variants:
            found += [one for system in workloads.values() for one in _of_reference(name, system)]
    missing = sorted(set(settings.variants) - known.keys())
    if missing:
        raise UsageError(
            f"no variant {', '.join(missing)} in {', '.join(settings.systems)}",
            hint=did_you_mean(missing[0], known) or f"there are: {', '.join(sorted(known))}",
        )
    return found


def _workloads(name: str, chosen: Sequence[str | None]) -> dict[str | None, System]:
    """Return the system with each of the workloads, None for the base."""
    systems = [load_system(find_system(name), Selection(workload=each)) for each in chosen]
    return {system.workload: system for system in systems}


def _of_variant(system: str, variant: Variant) -> Iterator[Expectation]:
    workload, name = variant.workload, variant.name
    if NONE not in variant.exposed_by:
        yield Expectation(system=system, workload=workload, variant=name, fault=NONE)
    for fault in variant.exposed_by:
        yield Expectation(
            system=system, workload=workload, variant=name, fault=fault, breaks=variant.breaks
        )


def _of_reference(name: str, system: System) -> Iterator[Expectation]:
    for fault in reference_faults(system):
        yield Expectation(system=name, workload=system.workload, fault=fault)


def reference_faults(system: System) -> tuple[str, ...]:
    """Return the faults under which the system itself must hold: without crash points, no crash at any."""
    found: list[str] = []
    for fault in REFERENCE_FAULTS:
        with contextlib.suppress(UnfitError):
            found.extend(expand([fault], system))
    return tuple(found)


def selftest_cells(one: Expectation, settings: SelftestSettings) -> list[Cell]:
    """Return the cells of one expectation, one for each seed."""
    count = settings.seeds
    if one.fault == NONE and not one.breaks:
        count = min(settings.calm_seeds, settings.seeds)
    elif one.variant is None and one.fault.startswith(CRASH):
        count = max(1, settings.seeds // SEEDS_FOR_EACH_POINT_OF)
    seeds = range(settings.first_seed, settings.first_seed + count)
    return [one.cell(one.fault, seed) for seed in seeds]


def selftest_row(one: Expectation, results: Sequence[CellResult]) -> SelftestRow:
    """Return what became of one expectation.

    A variant must be convicted by exactly its checkers wherever the fault landed; a variant without its fault
    must hold every time; a reference may be unknown now and then, and must never be accused.
    """
    mine = [r for r in results if (r.cell.subject, r.cell.fault) == (one.subject, one.fault)]
    accused = any(r.status is Status.VIOLATED for r in mine)
    if one.breaks:
        counted = [r for r in mine if r.has_landed]
        good = [r for r in counted if r.violated == tuple(sorted(one.breaks))]
        is_passed = bool(counted) and len(good) >= CONVICTED_AT_LEAST * len(counted)
    else:
        good = [r for r in mine if r.status is Status.HOLDS]
        is_passed = bool(mine) and not accused and (one.variant is None or len(good) == len(mine))
    return SelftestRow(
        system=one.system,
        workload=one.workload,
        variant=one.variant,
        fault=one.fault,
        expected=tuple(sorted(one.breaks)),
        cells=len(mine),
        landed=sum(r.has_landed for r in mine),
        as_expected=len(good),
        is_passed=is_passed,
        others=dict(Counter(_words(r) for r in mine if r not in good)),
    )


def _words(result: CellResult) -> str:
    if result.status is None:
        return f"failed: {result.error.splitlines()[0] if result.error else '?'}"
    if result.status is Status.VIOLATED:
        return f"violated: {', '.join(result.violated)}"
    if result.status is Status.UNKNOWN:
        return f"unknown: {result.reasons[0] if result.reasons else '?'}"
    return "holds"


def selftest_exit_code(rows: Sequence[SelftestRow], results: Sequence[CellResult]) -> ExitCode:
    """Return violated if an expectation failed, or if the references together hold too seldom."""
    if not rows:
        return ExitCode.UNKNOWN
    codes = [ExitCode.VIOLATED for row in rows if not row.is_passed]
    codes += [result.exit_code for result in results if result.status is None]
    references = [row for row in rows if row.variant is None]
    holding = sum(row.as_expected for row in references)
    if holding < HOLDS_AT_LEAST * sum(row.cells for row in references):
        codes.append(ExitCode.VIOLATED)
    return worst(codes) if codes else ExitCode.HOLDS
