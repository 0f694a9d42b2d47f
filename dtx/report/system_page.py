"""One system on a page: what runs, who talks to whom, what it claims, and what can be chosen."""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from dtx.config.model import (
    Contract,
    Isolation,
    Reader,
    System,
    Variant,
    Worker,
)
from dtx.config.sides import side_names
from dtx.config.template import written
from dtx.report import colours
from dtx.report.tables import listing
from dtx.report.topology import TopologyPicture, topology_of
from dtx.report.variant_listing import ListedVariant, in_a_shell, variant_listing
from dtx.report.wording import clean


def print_system(console: Console, system: System, variant: str | None = None) -> None:
    """Print the page of a system, of which `variant` was chosen."""
    for part in _page(system, variant):
        console.print(part, markup=False, highlight=False)
    if system.variants:
        console.print(_heading("Variants, broken on purpose"))
        for line in variant_listing(list(_variants(system)), console.width):
            console.print(line, soft_wrap=True)


def system_document(system: System, variant: str | None = None) -> dict[str, Any]:
    """Return the same as plain values."""
    return {
        "name": system.name,
        "title": system.title,
        "setup": system.setup or None,
        "variant": variant,
        "databases": {
            name: {
                "kind": database.kind.value,
                "observe": [shape.value for shape in database.observe],
                "residue": list(database.residue),
            }
            for name, database in system.databases.items()
        },
        "workers": {
            name: {
                "role": worker.role,
                "command": _command(worker),
                "crash_points": list(worker.crash_points),
                "durable": list(worker.durable),
                "calls_seldom": list(worker.calls_seldom),
            }
            for name, worker in system.workers.items()
        },
        "links": [link.name for link in system.links],
        "participants": _participants(system),
        "readers": {
            name: [question.participant for question in reader.questions]
            for name, reader in system.readers.items()
        },
        "contract": {
            "claims": list(_claims(system.contract)),
            "invariants": [invariant.name for invariant in system.contract.invariants],
        },
        "workload": system.workload,
        "workloads": {name: workload.title for name, workload in system.workloads.items()},
        "options": {
            name: {"default": option.default, "values": list(option.values)}
            for name, option in system.options.items()
        },
        "variants": {
            name: {
                "title": variant.title,
                "bug": variant.bug,
                "workload": variant.workload,
                "breaks": list(variant.breaks),
                "exposed_by": list(variant.exposed_by),
            }
            for name, variant in system.variants.items()
        },
    }


def _page(system: System, variant: str | None) -> Iterator[RenderableType]:
    yield Text(f"{system.name}: {clean(system.title)}", style=colours.HEADING)
    if system.setup:
        yield Text(f"  to be done once, in {system.folder}: {clean(system.setup)}")
    if variant is not None:
        yield from _chosen(system, system.variants[variant])
    yield _heading("Who talks to whom")
    yield Padding(TopologyPicture(topology_of(system)), (0, 0, 0, 2))
    yield _heading("Databases")
    for name, database in system.databases.items():
        shapes = ", ".join(shape.value for shape in database.observe) or "nothing"
        residue = f"; residue: {', '.join(database.residue)}" if database.residue else ""
        yield Text(f"  {name} ({database.kind.value}) says {shapes}{residue}")
    yield _heading("Workers")
    for name, worker in system.workers.items():
        yield Text(f"  {name}{_role(worker)}")
        yield Text(f"    runs {clean(_as_written(_command(worker)))}")
        if worker.crash_points:
            yield Text(f"    crash points: {', '.join(worker.crash_points)}")
        if worker.durable:
            yield Text(f"    durable files: {clean(', '.join(worker.durable))}")
        if worker.calls_seldom:
            yield Text(f"    calls only after a failure: {', '.join(worker.calls_seldom)}")
    yield _heading("A transaction")
    request = system.client.request
    fields = ", ".join(system.client.fields)
    yield Text(f"  {request.method}, fields {fields or 'none'}")
    for name, amount in _participants(system).items():
        yield Text(f"  leaves {amount} at {name}")
    yield from _readers(system.readers.values())
    yield from _contract(system.contract)
    yield from _offers(system)


def _chosen(system: System, variant: Variant) -> Iterator[RenderableType]:
    yield _heading(f"Variant {variant.name}, broken on purpose")
    yield Text(f"  {clean(variant.title)}")
    if workload := _workload(system, variant):
        yield Text(f"  workload: {clean(workload)}")
    if variant.bug:
        yield Text(f"  bug: {clean(variant.bug)}")
    yield Text(f"  breaks: {', '.join(variant.breaks)}")
    yield Text(f"  exposed by: {in_a_shell(variant.exposed_by)}")


def _readers(readers: Iterable[Reader]) -> Iterator[RenderableType]:
    for reader in readers:
        yield _heading(f"Reader {reader.name}")
        parts = ", ".join(
            f"{question.participant}{'' if question.seen else ' (sum only)'}"
            for question in reader.questions
        )
        yield Text(f"  reads {parts} every {reader.every_s:g} s")
        if reader.total is not None:
            yield Text(f"  the values must add up to {reader.total}")


def _contract(contract: Contract) -> Iterator[RenderableType]:
    yield _heading("Contract")
    for claim in _claims(contract):
        yield Text(f"  {claim}")
    for invariant in contract.invariants:
        left, right = side_names(invariant)
        yield Text(clean(f"  {invariant.name}: {left} {invariant.compare} {right}"))


def _offers(system: System) -> Iterator[RenderableType]:
    if system.workloads:
        yield _heading("Workloads")
        rows = [[f"  {each.name}", clean(each.title)] for each in system.workloads.values()]
        yield listing(["  name", "what is done"], rows)
    if system.options:
        yield _heading("Options")
        for name, option in system.options.items():
            yield Text(f"  --{name} {'|'.join(option.values)}   (default {option.default})")


def _variants(system: System) -> Iterator[ListedVariant]:
    for variant in system.variants.values():
        yield ListedVariant(
            name=variant.name,
            workload=_workload(system, variant),
            bug=variant.bug,
            breaks=variant.breaks,
            exposed_by=variant.exposed_by,
            title=variant.title,
        )


def _workload(system: System, variant: Variant) -> str:
    """Return the workload that the variant needs; empty if any will do."""
    return variant.workload or str(system.tables["system"].get("workload", ""))


def _claims(contract: Contract) -> Iterator[str]:
    claims = {
        "atomic: all participants or none": contract.is_atomic,
        "durable: acknowledged stays, refused leaves nothing": contract.is_durable,
        "exactly once: no step takes effect twice": contract.is_exactly_once,
        "compensating: undone in reverse order": contract.is_compensating,
    }
    yield from (words for words, is_claimed in claims.items() if is_claimed)
    if contract.isolation is not Isolation.NONE:
        yield f"isolation: {contract.isolation.value}"
    if contract.converges_within_s is not None:
        yield f"converges: quiet within {contract.converges_within_s:g} s after healing"


def _participants(system: System) -> Mapping[str, str]:
    return {name: amount.text for name, amount in system.client.participants.items()}


def _command(worker: Worker) -> list[str]:
    """Return the command as it stands in the file, with its references."""
    return [
        "".join(part if isinstance(part, str) else written(part) for part in template.parts)
        for template in worker.command
    ]


def _as_written(words: Sequence[str]) -> str:
    # Not for a shell, which would want quotes around the braces too.
    return " ".join(shlex.quote(w) if not w or any(c.isspace() for c in w) else w for w in words)


def _role(worker: Worker) -> str:
    return f", {worker.role}" if worker.role else ""


def _heading(words: str) -> Text:
    return Text(words, style=colours.HEADING)
