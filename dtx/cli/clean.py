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
    held: Annotated[
        bool,
        typer.Option("--held", help="Also environments that are held open (`dtx down --all`)."),
    ] = False,
) -> ExitCode:
    """Remove processes, containers, networks and private folders of runs whose harness is dead.

    A living run's things are never touched, nor an environment that is held open unless --held is given. Run
    folders (.dtx/runs) stay.
    """
    from dtx.targets import held as held_open  # noqa: PLC0415 (heavy)
    from dtx.targets import housekeeping  # noqa: PLC0415 (heavy)

    output = invocation_of(context).output
    there = held_open.held_environments()
    with output.waiting("looking for what dead runs left, and removing it"):
        found = housekeeping.leftovers()
        done = housekeeping.clean(found)
        for each in there if held else ():
            held_open.end(each)
            done.append(f"ended {each.system}, held as {each.id}")
    if cache:
        done += housekeeping.clean_cache()
    for line in done:
        output.result.print(line)
    if not done:
        output.result.print("nothing was left behind")
    for each in () if held else there:
        words = (
            f"{each.system} is held open as {each.id}, and left alone; `dtx down {each.id}` ends it"
        )
        output.progress.print(words)
    if found.docker_socket is None:
        output.progress.print("no Docker engine answers: nothing could be looked for there")
    return ExitCode.ENVIRONMENT if any(w.startswith("could not") for w in done) else ExitCode.HOLDS
