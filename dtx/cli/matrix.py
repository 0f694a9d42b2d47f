"""`dtx matrix`: systems x faults x seeds in one environment for each system, reset between the runs."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from dtx.cli import completion
from dtx.cli.invocation import RUNS, invocation_of
from dtx.core.exit_codes import ExitCode


def matrix(
    context: typer.Context,
    systems: Annotated[
        list[str] | None,
        typer.Argument(
            help="Systems; all built-in ones if none is named.", autocompletion=completion.systems
        ),
    ] = None,
    *,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="As for `dtx run`; also NAME:each, NAME@each. Default: none and partition.",
            autocompletion=completion.faults,
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each system under each fault.")] = 3,
    first_seed: Annotated[int, typer.Option(help="The first of them.")] = 1,
    workload: Annotated[
        list[str] | None,
        typer.Option(
            help="A workload of the systems; repeatable, each a row. Default: the base.",
            autocompletion=completion.workloads,
        ),
    ] = None,
    variant: Annotated[
        str | None,
        typer.Option(help="A variant of the systems.", autocompletion=completion.variants),
    ] = None,
    rate: Annotated[float, typer.Option(help="Transactions submitted a second.")] = 50.0,
    duration: Annotated[float, typer.Option(help="Seconds of each main phase.")] = 4.0,
    runtime: Annotated[
        Literal["auto", "docker", "local"], typer.Option(help="Where the servers run.")
    ] = "auto",
    fresh: Annotated[
        bool, typer.Option("--fresh", help="A new environment for every run.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder below which run folders are made.")] = RUNS,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> ExitCode:
    """Run systems x faults x seeds; the exit code is the worst of all runs."""
    from dtx.campaign.matrix import MatrixSettings, interrupted_matrix, run_matrix  # noqa: PLC0415 (heavy)
    from dtx.cli.campaign_options import answer, campaign_settings, follow  # noqa: PLC0415
    from dtx.config.find import builtin_systems  # noqa: PLC0415
    from dtx.core.campaign import MatrixFinished  # noqa: PLC0415
    from dtx.report.campaign import matrix_table  # noqa: PLC0415 (rich)

    invocation = invocation_of(context)
    invocation.is_json = json
    settings = MatrixSettings(
        systems=tuple(systems or builtin_systems()),
        workloads=tuple(workload or (None,)),
        faults=tuple(fault or ("none", "partition")),
        seeds=seeds,
        first_seed=first_seed,
        variant=variant,
        campaign=campaign_settings(
            rate=rate, duration=duration, runtime=runtime, out=out, fresh=fresh
        ),
    )
    finished = follow(
        run_matrix(settings),
        MatrixFinished,
        interrupted_matrix,
        invocation.output.progress,
        is_quiet=quiet,
    )
    return answer(invocation, finished, matrix_table)
