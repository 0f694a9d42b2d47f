"""`dtx selftest`: is every variant convicted by exactly the checkers it names, and no reference accused?"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from dtx.cli import completion
from dtx.cli.invocation import RUNS, invocation_of
from dtx.core.exit_codes import ExitCode


def selftest(
    context: typer.Context,
    systems: Annotated[
        list[str] | None,
        typer.Argument(
            help="Systems; all built-in ones if none is named.", autocompletion=completion.systems
        ),
    ] = None,
    *,
    workload: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this workload, with its variants and its reference; repeatable.",
            autocompletion=completion.workloads,
        ),
    ] = None,
    variant: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this variant, and no references; repeatable.",
            autocompletion=completion.variants,
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each under each fault.")] = 10,
    first_seed: Annotated[int, typer.Option(help="The first of them.")] = 1,
    references: Annotated[bool, typer.Option(help="Whether the references are run too.")] = True,
    rate: Annotated[float, typer.Option(help="Transactions submitted a second.")] = 50.0,
    duration: Annotated[float, typer.Option(help="Seconds of each main phase.")] = 4.0,
    runtime: Annotated[
        Literal["auto", "docker", "local"], typer.Option(help="Where the servers run.")
    ] = "auto",
    out: Annotated[Path, typer.Option(help="Folder below which run folders are made.")] = RUNS,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> ExitCode:
    """Judge the judge: run every variant that is broken on purpose, and every reference.

    Exit code 1 if a variant was missed or a reference accused.
    """
    from dtx.campaign.selftest import SelftestSettings, interrupted_selftest, run_selftest  # noqa: PLC0415 (heavy)
    from dtx.cli.campaign_options import answer, campaign_settings, follow  # noqa: PLC0415
    from dtx.config.find import builtin_systems  # noqa: PLC0415
    from dtx.core.campaign import SelftestFinished  # noqa: PLC0415
    from dtx.report.campaign import selftest_table  # noqa: PLC0415 (rich)

    invocation = invocation_of(context)
    invocation.is_json = json
    settings = SelftestSettings(
        systems=tuple(systems or builtin_systems()),
        workloads=tuple(workload or ()),
        variants=tuple(variant or ()),
        seeds=seeds,
        first_seed=first_seed,
        has_references=references,
        campaign=campaign_settings(
            rate=rate, duration=duration, runtime=runtime, out=out, fresh=False
        ),
    )
    finished = follow(
        run_selftest(settings),
        SelftestFinished,
        lambda _, results: interrupted_selftest(settings, results),
        invocation.output.progress,
        is_quiet=quiet,
    )
    return answer(invocation, finished, selftest_table)
