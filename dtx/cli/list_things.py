"""`dtx list`: what there is, as a table or as JSON."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dtx.cli import completion
from dtx.cli.invocation import RUNS, invocation_of
from dtx.cli.run_names import run_names
from dtx.core.errors import UsageError
from dtx.core.exit_codes import ExitCode

if TYPE_CHECKING:
    from dtx.cli.output import Output
    from dtx.config.offers import Offers

Kind = Literal["systems", "faults", "variants", "checkers", "runs", "workloads", "held"]
OF_A_SYSTEM = ("variants", "workloads")
Row = dict[str, object]


def list_things(
    context: typer.Context,
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    system: Annotated[
        str | None,
        typer.Argument(
            help="Whose variants or workloads; of all built-in systems if none is named.",
            autocompletion=completion.systems,
        ),
    ] = None,
    *,
    out: Annotated[Path, typer.Option(help="Folder below which run folders are.")] = RUNS,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")
    ] = False,
) -> ExitCode:
    """List systems, faults, variants, checkers, runs, workloads, or environments that are held open."""
    if system is not None and kind not in OF_A_SYSTEM:
        raise UsageError(
            f"dtx list {kind}: one word too many: {system!r}",
            hint=f"only {' and '.join(OF_A_SYSTEM)} are those of a system",
        )
    listings: dict[Kind, Callable[[], Iterator[Row]]] = {
        "systems": _systems,
        "faults": _faults,
        "variants": lambda: _variants(system),
        "checkers": _checkers,
        "runs": lambda: _runs(out),
        "workloads": lambda: _workloads(system),
        "held": _held,
    }
    output = invocation_of(context).output
    rows = list(listings[kind]())
    if json:
        output.document({kind: rows})
    elif rows and kind == "variants":
        _print_variants(output, system)
    elif rows:
        _print(output, kind, rows)
    else:
        output.progress.print(f"no {kind}{f' below {out}' if kind == 'runs' else ''}")
    return ExitCode.HOLDS


def _print(output: "Output", kind: Kind, rows: Sequence[Row]) -> None:
    from dtx.report.tables import listing, unwrapped_listing  # noqa: PLC0415 (rich)

    if kind == "runs" and not any(row["held"] for row in rows):
        rows = [{name: row[name] for name in row if name != "held"} for row in rows]
    columns, cells = list(rows[0]), [[_words(v) for v in r.values()] for r in rows]
    if kind in {
        "runs",
        "held",
    }:  # they end with a command, which is one only as long as it is one line
        for line in unwrapped_listing(columns, cells):
            output.result.print(line, soft_wrap=True)
    else:
        output.result.print(listing(columns, cells))


def _print_variants(output: "Output", system: str | None) -> None:
    from dtx.report.variant_listing import ListedVariant, variant_listing  # noqa: PLC0415 (rich)

    variants = [
        ListedVariant(
            system=name,
            name=variant.name,
            workload=variant.workload or offers.base or "",
            bug=variant.bug,
            breaks=variant.breaks,
            exposed_by=variant.exposed_by,
            title=variant.title,
        )
        for name, offers in _offers(system)
        for variant in offers.variants.values()
    ]
    for line in variant_listing(variants, output.result.width):
        output.result.print(line, soft_wrap=True)


def _words(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    return "" if value is None else str(value)


def _systems() -> Iterator[Row]:
    from dtx.config.find import builtin_systems, find_system  # noqa: PLC0415 (start time)
    from dtx.config.loader import declared  # noqa: PLC0415

    for name in builtin_systems():
        system = declared(find_system(name))
        yield {
            "name": name,
            "title": system.title,
            "variants": list(system.offers.variants),
            "options": list(system.offers.options),
        }


def _faults() -> Iterator[Row]:
    from dtx.chaos.fault import default_argument  # noqa: PLC0415
    from dtx.chaos.faults import FAULTS, SUMMARIES  # noqa: PLC0415 (start time)

    for name, summary in SUMMARIES.items():
        argument = FAULTS[name].argument if name in FAULTS else ""
        is_optional = bool(argument) and default_argument(FAULTS[name]) is not None
        shape = "[:ARG]" if is_optional else ":ARG"
        yield {"name": f"{name}{shape}" if argument else name, "what": summary, "ARG": argument}


def _offers(system: str | None) -> "Iterator[tuple[str, Offers]]":
    from dtx.config.find import builtin_systems, find_system  # noqa: PLC0415 (start time)
    from dtx.config.loader import declared  # noqa: PLC0415

    for name in (system,) if system is not None else builtin_systems():
        yield name, declared(find_system(name)).offers


def _variants(system: str | None) -> Iterator[Row]:
    for name, offers in _offers(system):
        for variant in offers.variants.values():
            yield {
                "system": name,
                "workload": variant.workload or offers.base,
                "name": variant.name,
                "what": variant.title,
                "bug": variant.bug,
                "breaks": list(variant.breaks),
                "exposed_by": list(variant.exposed_by),
            }


def _workloads(system: str | None) -> Iterator[Row]:
    for name, offers in _offers(system):
        for workload in offers.workloads.values():
            yield {"system": name, "name": workload.name, "what": workload.title}


def _held() -> Iterator[Row]:
    from dtx.targets.held import held_environments  # noqa: PLC0415 (heavy)

    for held in held_environments():
        yield {
            "id": held.id,
            "system": held.system,
            "runtime": held.runtime,
            "since": held.since,
            "folder": held.folder,
            "end": f"dtx down {held.id}",
        }


def _checkers() -> Iterator[Row]:
    from dtx.verify.registry import CHECKERS  # noqa: PLC0415 (start time)

    for checker in CHECKERS:
        yield {"name": checker.name, "what": checker.claim}


def _runs(out: Path) -> Iterator[Row]:
    from dtx.core.errors import RecordError  # noqa: PLC0415
    from dtx.core.run_folder import RunFolder  # noqa: PLC0415 (start time)
    from dtx.report.wording import command_line  # noqa: PLC0415
    from dtx.targets.held import held_environments  # noqa: PLC0415 (heavy)

    kept = {Path(held.folder): held.id for held in held_environments() if held.is_run}
    for name in _newest_first(run_names(out)):
        folder = RunFolder(out / name)
        try:
            plan, verdict = folder.read_plan(), folder.read_verdict()
        except RecordError as error:
            yield {
                "name": name, "verdict": "damaged", "broken": [], "held": None,
                "command": error.message,
            }  # fmt: skip
            continue
        yield {
            "name": name,
            "verdict": verdict.status.value if verdict else "not judged",
            "broken": list(verdict.violated_checkers) if verdict else [],
            "held": kept.get(folder.path.absolute()),
            "command": command_line(plan.command),
        }


def _newest_first(names: Sequence[str]) -> list[str]:
    return list(reversed(names))
