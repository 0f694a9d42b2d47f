"""`dtx show`: one system, or one run with the story of any of its transactions."""

import difflib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dtx.cli import completion
from dtx.cli.invocation import RUNS, Invocation, invocation_of
from dtx.cli.run import select
from dtx.cli.run_names import LATEST, find_run, is_run, run_names
from dtx.core.errors import UsageError
from dtx.core.exit_codes import ExitCode

if TYPE_CHECKING:
    from dtx.core.run_folder import RunFolder


def show(
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            help="A system, or a run folder's path, name or `latest`.",
            autocompletion=completion.systems_and_runs,
        ),
    ],
    *,
    tx: Annotated[
        str | None,
        typer.Option(
            help="Tell the story of this transaction of the run.",
            autocompletion=completion.transactions,
        ),
    ] = None,
    in_doubt: Annotated[
        bool,
        typer.Option(
            "--in-doubt",
            help="List the run's prepared branches in doubt, when they were most and at the end.",
        ),
    ] = False,
    variant: Annotated[
        str | None,
        typer.Option(
            help="Show the system as this variant changes it.", autocompletion=completion.variants
        ),
    ] = None,
    workload: Annotated[
        str | None,
        typer.Option(
            help="Show the system as this workload changes it.",
            autocompletion=completion.workloads,
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder below which run folders are.")] = RUNS,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")
    ] = False,
) -> ExitCode:
    """Show a system (topology, contract, what it offers) or a run (plan, faults, a story).

    A built-in system's name is a system. `latest`, a folder with plan.json, and the name of a run folder are
    a run. Everything else is a system's path.
    """
    invocation = invocation_of(context)
    if _names_run(what, out):
        if variant or workload or context.args:
            raise UsageError(
                f"{what} is a run: it has its variant and options already",
                hint="leave --variant, --workload and the system's options out",
            )
        if in_doubt and tx is not None:
            raise UsageError(
                "--tx and --in-doubt are two questions", hint="ask them one after the other"
            )
        path = find_run(what, out)
        if in_doubt:
            return _show_in_doubt(invocation, path, is_json=json)
        return _show_run(invocation, path, tx, is_json=json)
    if tx is not None or in_doubt:
        option, has = (
            ("--in-doubt", "branches in doubt") if in_doubt else ("--tx ID", "transactions")
        )
        raise UsageError(
            f"{what} is no run, and only a run has {has}",
            hint=f"dtx show latest {option}; `dtx list runs` names the runs",
        )
    return _show_system(context, invocation, what, variant, workload, is_json=json)


def _names_run(what: str, out: Path) -> bool:
    """Tell a run from a system.

    Raises:
        UsageError: it is neither, with the nearest of both.
    """
    from dtx.config.find import builtin_systems  # noqa: PLC0415 (start time)

    systems = builtin_systems()
    if what in systems:
        return False
    if is_run(what, out):
        return True
    if what == LATEST or not ("/" in what or Path(what).is_dir()):
        known = [*systems, *run_names(out)]
        near = difflib.get_close_matches(what, known, n=1, cutoff=0.4)
        raise UsageError(
            f"{what!r} is neither a system nor a run below {out}",
            hint=f"did you mean {near[0]}?" if near else "see `dtx list systems`, `dtx list runs`",
        )
    _refuse_lost_run(Path(what), out)
    return False


def _refuse_lost_run(path: Path, out: Path) -> None:
    """Say of a path that is not there, where runs are, that it is no run: nobody looks for a system there."""
    if os.path.exists(path):  # noqa: PTH110 (never raises)
        return
    names = run_names(path.parent) if os.path.isdir(path.parent) else []  # noqa: PTH112 (never raises)
    if names or path.parent == out:
        near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.4)
        raise UsageError(
            f"there is no run {path.name!r} below {path.parent}",
            hint=f"did you mean {near[0]}?" if near else "`dtx list runs` names them",
        )


def _show_system(
    context: typer.Context,
    invocation: Invocation,
    name: str,
    variant: str | None,
    workload: str | None,
    *,
    is_json: bool,
) -> ExitCode:
    from dtx.config.find import find_system  # noqa: PLC0415 (start time)
    from dtx.config.loader import load_system  # noqa: PLC0415
    from dtx.report.system_page import print_system, system_document  # noqa: PLC0415

    selection = select(context, name, variant=variant, workload=workload)
    system = load_system(find_system(name), selection)
    if is_json:
        invocation.output.document(system_document(system, variant))
    else:
        print_system(invocation.output.result, system, variant)
    return ExitCode.HOLDS


def _show_run(invocation: Invocation, path: Path, tx: str | None, *, is_json: bool) -> ExitCode:
    from dtx.core.run_folder import RunFolder  # noqa: PLC0415 (start time)

    folder = RunFolder(path)
    return (
        _show_plan(invocation, folder, is_json=is_json)
        if tx is None
        else _show_story(invocation, folder, tx, is_json=is_json)
    )


def _show_in_doubt(invocation: Invocation, path: Path, *, is_json: bool) -> ExitCode:
    import msgspec  # noqa: PLC0415 (start time)

    from dtx.core.run_folder import RunFolder  # noqa: PLC0415
    from dtx.experiment.in_doubt import in_doubt_in  # noqa: PLC0415 (heavy)
    from dtx.report.in_doubt import in_doubt_lines  # noqa: PLC0415

    found = in_doubt_in(RunFolder(path))
    if is_json:
        invocation.output.document(
            {"worst": msgspec.to_builtins(found.worst), "end": msgspec.to_builtins(found.end)}
        )
        return ExitCode.HOLDS
    for part in in_doubt_lines(found.worst, found.end, found.logs):
        invocation.output.result.print(part, markup=False, highlight=False)
    return ExitCode.HOLDS


def _show_plan(invocation: Invocation, folder: "RunFolder", *, is_json: bool) -> ExitCode:
    import msgspec  # noqa: PLC0415

    from dtx.chaos.describe import describe  # noqa: PLC0415
    from dtx.report.blocking import sentence  # noqa: PLC0415
    from dtx.report.faults import fault_line  # noqa: PLC0415
    from dtx.report.headline import headline, particulars, subject  # noqa: PLC0415
    from dtx.report.readers import in_short  # noqa: PLC0415
    from dtx.report.terminal import footer  # noqa: PLC0415
    from dtx.report.violation import standing  # noqa: PLC0415
    from dtx.report.wording import command_line  # noqa: PLC0415

    plan, verdict = folder.read_plan(), folder.read_verdict()
    if is_json:
        invocation.output.document(
            {"plan": msgspec.to_builtins(plan), "verdict": msgspec.to_builtins(verdict)}
        )
        return ExitCode.HOLDS
    console = invocation.output.result
    if verdict is None:
        console.print(f"{subject(plan)}: not judged; `dtx check {folder.path}` judges it")
    else:
        console.print(headline(plan, verdict))
    for line in particulars(plan):
        console.print(line)
    console.print("faults:" if plan.schedule.windows else "faults: none")
    planned = [] if verdict is not None else plan.schedule.windows
    for window in planned:
        console.print(f"  {describe(window)}")
    if verdict is not None:
        for met in verdict.coverage:
            console.print("  ", fault_line(met), sep="", highlight=False)
        for reader in verdict.readers:
            console.print(f"reader {reader.reader}: {in_short(reader)}")
        if verdict.blocking is not None:
            console.print(f"in doubt: {sentence(verdict.blocking)}", markup=False, highlight=False)
        for tx in verdict.stories:
            what = standing(verdict, tx)
            tell = command_line(["dtx", "show", str(folder.path), "--tx", tx])
            words = f"{what}: {tx}; its story: {tell}"
            console.print(words, markup=False, highlight=False, soft_wrap=True)
        for line in footer(plan, verdict, folder.path):
            console.print(line, soft_wrap=True)
    return ExitCode.HOLDS


def _show_story(invocation: Invocation, folder: "RunFolder", tx: str, *, is_json: bool) -> ExitCode:
    import msgspec  # noqa: PLC0415

    from dtx.experiment.stories import story_of  # noqa: PLC0415 (heavy)
    from dtx.report.violation import story_table  # noqa: PLC0415

    story = story_of(folder, tx)
    if is_json:
        invocation.output.document({"tx": tx, "story": msgspec.to_builtins(story)})
    else:
        invocation.output.result.print(story_table(story))
    return ExitCode.HOLDS
