"""`dtx check RUN`: judges a run folder again, offline."""

from pathlib import Path
from typing import Annotated

import typer

from dtx.cli import completion
from dtx.cli.invocation import RUNS, invocation_of
from dtx.cli.run_names import LATEST, find_run
from dtx.core.exit_codes import ExitCode


def check(
    context: typer.Context,
    run: Annotated[
        str,
        typer.Argument(
            help="A run folder's path, its name below --out, or `latest`.",
            autocompletion=completion.runs,
        ),
    ] = LATEST,
    out: Annotated[Path, typer.Option(help="Folder below which run folders are.")] = RUNS,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")
    ] = False,
) -> ExitCode:
    """Judge a recorded run again, from its folder alone: no server, no Docker, no network."""
    from dtx.core.errors import StorageError  # noqa: PLC0415 (start time)
    from dtx.core.run_folder import RunFolder  # noqa: PLC0415
    from dtx.experiment.judging import judge_recorded  # noqa: PLC0415
    from dtx.report.json_document import run_document  # noqa: PLC0415
    from dtx.report.terminal import print_report  # noqa: PLC0415

    invocation = invocation_of(context)
    folder = find_run(run, out)
    invocation.folder = folder
    plan = RunFolder(folder).read_plan()
    with invocation.output.waiting("judging", is_told_plainly=False):
        verdict = judge_recorded(folder)
    try:
        RunFolder(folder).write_verdict(verdict)
    except StorageError as error:  # an archive may be read-only, and is judged all the same
        invocation.output.progress.print(f"dtx: {error.message}")
    if json:
        invocation.output.document(run_document(plan, verdict, folder))
    else:
        print_report(invocation.output.result, plan, verdict, folder)
    return verdict.status.exit_code
