"""`dtx doctor`: what this machine has and lacks."""

from typing import TYPE_CHECKING, Annotated

import typer

from dtx.cli.invocation import Invocation, invocation_of
from dtx.core.exit_codes import ExitCode

if TYPE_CHECKING:
    from dtx.targets.doctor import Diagnosis

TESTED = (
    "tested: images of `dtx images build` (PostgreSQL 15, Toxiproxy 2.12); the wheel's PostgreSQL 18",
    "not tested: postgres:17, ghcr.io/shopify/toxiproxy, Docker Desktop, rootless engines",
)


def doctor(
    context: typer.Context,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")
    ] = False,
) -> ExitCode:
    """Say what this machine has and lacks, with the command that adds what is missing.

    Exit code 0 if at least one runtime can be used, else 4.
    """
    from dtx.targets.doctor import diagnose, usable_runtimes  # noqa: PLC0415 (heavy)
    from dtx.targets.held import held_environments  # noqa: PLC0415

    invocation = invocation_of(context)
    with invocation.output.waiting("looking at this machine", is_told_plainly=False):
        diagnoses = diagnose()
    usable = usable_runtimes(diagnoses)
    if json:
        invocation.output.document(
            {
                "runtimes": list(usable),
                "held": [held.id for held in held_environments()],
                "parts": [
                    {
                        "name": d.name,
                        "usable": d.is_usable,
                        "found": d.found,
                        "remedy": d.remedy,
                        "needed_by": list(d.needed_by),
                        "optional": d.is_optional,
                    }
                    for d in diagnoses
                ],
            }
        )
    else:
        _print(invocation, diagnoses, usable)
    return ExitCode.HOLDS if usable else ExitCode.ENVIRONMENT


def _print(
    invocation: Invocation, diagnoses: "tuple[Diagnosis, ...]", usable: tuple[str, ...]
) -> None:
    from dtx.report.tables import listing  # noqa: PLC0415 (rich)
    from dtx.targets.held import held_environments  # noqa: PLC0415 (heavy)

    rows = [
        [
            d.name,
            "ok" if d.is_usable else "absent",
            " and ".join(d.needed_by) + (", optional" if d.is_optional else ""),
            d.found + (f"; add it: {d.remedy}" if d.remedy else ""),
        ]
        for d in diagnoses
    ]
    console = invocation.output.result
    console.print(listing(["part", "", "for runtime", "found"], rows))
    for line in TESTED:
        console.print(line)
    words = " and ".join(usable) if usable else "none"
    console.print(f"usable runtimes: {words}")
    for held in held_environments():
        console.print(f"held open: {held.system} as {held.id}; `dtx down {held.id}` ends it")
