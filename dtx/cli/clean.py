"""`dtx clean`: removes what dead runs left behind."""

from typing import Annotated

import typer

from dtx.cli.invocation import invocation_of
from dtx.core.exit_codes import ExitCode


def clean(
    context: typer.Context,
    cache: Annotated[
        bool, typer.Option("--cache", help="Also the cache folder and the initialised images.")
    ] = False,
) -> ExitCode:
    """Remove processes, containers, networks and private folders of runs whose harness is dead.

    A living run's things are never touched. Run folders (.dtx/runs) stay.
    """
    from dtx.targets import housekeeping  # noqa: PLC0415 (heavy)

    output = invocation_of(context).output
    found = housekeeping.leftovers()
    done = housekeeping.clean(found)
    if cache:
        done += housekeeping.clean_cache()
    for line in done:
        output.result.print(line)
    if not done:
        output.result.print("nothing was left behind")
    if found.docker_socket is None:
        output.progress.print("no Docker engine answers: nothing could be looked for there")
    return ExitCode.ENVIRONMENT if any(w.startswith("could not") for w in done) else ExitCode.HOLDS
