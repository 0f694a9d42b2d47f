"""`dtx run SYSTEM`: one experiment, from plan to verdict."""

import random
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dtx.cli import completion
from dtx.cli.invocation import HOLDER, RUNS, Invocation, invocation_of
from dtx.cli.system_options import own_flags, read_options
from dtx.cli.trial_view import watch
from dtx.core.exit_codes import ExitCode

if TYPE_CHECKING:
    from dtx.config.model import Selection
    from dtx.core.events import TrialFinished
    from dtx.core.held import HeldEnvironment
    from dtx.experiment.settings import ExperimentSettings

CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True}
"""A system declares options of its own, which are known only once its file is read."""

LARGEST_SEED = 999_999


def run(
    context: typer.Context,
    system: Annotated[
        str,
        typer.Argument(
            help="A built-in system, or the path of a folder with system.toml.",
            autocompletion=completion.systems,
        ),
    ],
    *,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME[:ARG][@SCOPE][,at=2s][,for=5s][,every=3s][,p=0.5], joined with +; or random, or file:PATH. Repeatable. Default: none.",
            autocompletion=completion.faults,
        ),
    ] = None,
    variant: Annotated[
        str | None,
        typer.Option(
            help="A variant of the system that is broken on purpose.",
            autocompletion=completion.variants,
        ),
    ] = None,
    workload: Annotated[
        str | None,
        typer.Option(
            help="A workload that the system offers.", autocompletion=completion.workloads
        ),
    ] = None,
    rate: Annotated[float, typer.Option(help="Transactions submitted a second.")] = 50.0,
    duration: Annotated[float, typer.Option(help="Seconds of the main phase.")] = 10.0,
    seed: Annotated[
        int | None, typer.Option(help="Of all chance in the run; drawn and printed if absent.")
    ] = None,
    runtime: Annotated[
        Literal["auto", "docker", "local"], typer.Option(help="Where the servers run.")
    ] = "auto",
    out: Annotated[Path, typer.Option(help="Folder below which run folders are made.")] = RUNS,
    junit: Annotated[
        Path | None, typer.Option(help="Write the verdict as JUnit XML to this file.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress; one line for the verdict.")
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print what would be done, and stop.")
    ] = False,
    save_schedule: Annotated[
        Path | None,
        typer.Option(help="Write the schedule to this file, for --fault file:FILE."),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Hold the environment open after the verdict.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Print the traceback of an error.")
    ] = False,
) -> ExitCode:
    """Run one experiment and prove what it did to the transactions.

    A system's own options stand behind its name: --transport kafka. `dtx show SYSTEM` lists them.
    """
    del debug  # `main` looks for it
    from dtx.experiment.settings import ExperimentSettings  # noqa: PLC0415 (heavy)
    from dtx.targets.provision import RuntimeName  # noqa: PLC0415 (heavy)

    invocation = invocation_of(context)
    settings = ExperimentSettings(
        system=system,
        selection=select(context, system, variant=variant, workload=workload),
        faults=tuple(fault or ("none",)),
        seed=random.SystemRandom().randint(1, LARGEST_SEED) if seed is None else seed,
        rate=rate,
        duration_s=duration,
        runtime=RuntimeName(runtime),
        out=out,
    )
    if save_schedule is not None:
        _save_schedule(save_schedule, settings)
    if plan:
        return _print_plan(invocation, settings, is_json=json)
    if junit is not None:
        _require_place(junit)
    finished, held = _run(invocation, settings, is_kept=keep, is_quiet=quiet)
    if junit is not None:
        _write_junit(junit, finished)
    _print(invocation, finished, held, is_json=json, is_quiet=quiet)
    return finished.verdict.status.exit_code


def select(
    context: typer.Context, system: str, *, variant: str | None, workload: str | None
) -> "Selection":
    """Return the overlays that the command line chooses, with the system's own options.

    Raises:
        UsageError, ConfigError: no such system, or no such option.
    """
    from dtx.config.find import find_system  # noqa: PLC0415 (start time)
    from dtx.config.loader import declared  # noqa: PLC0415
    from dtx.config.model import Selection  # noqa: PLC0415

    offers = declared(find_system(system)).offers
    options = read_options(context.args, offers.options, own_flags(context))
    return Selection(workload=workload, options=options, variant=variant)


def _run(
    invocation: Invocation, settings: "ExperimentSettings", *, is_kept: bool, is_quiet: bool
) -> "tuple[TrialFinished, HeldEnvironment | None]":
    from dtx.core.errors import InternalError  # noqa: PLC0415
    from dtx.experiment.holding import HoldOrder, hold  # noqa: PLC0415 (heavy)
    from dtx.experiment.session import run_experiment  # noqa: PLC0415 (heavy)

    if is_kept:
        seen = watch(invocation, hold(HoldOrder(settings=settings), HOLDER), is_quiet=is_quiet)
    else:
        seen = watch(invocation, run_experiment(settings), is_quiet=is_quiet)
    if seen.finished is None:
        raise InternalError("the trial ended without a verdict")
    return seen.finished, seen.held


def _print_plan(
    invocation: Invocation, settings: "ExperimentSettings", *, is_json: bool
) -> ExitCode:
    import msgspec  # noqa: PLC0415

    from dtx.chaos.describe import describe, describe_omission  # noqa: PLC0415
    from dtx.experiment.planning import plan_experiment  # noqa: PLC0415 (heavy)
    from dtx.report.headline import particulars, subject  # noqa: PLC0415
    from dtx.report.wording import command_line  # noqa: PLC0415

    planned = plan_experiment(settings)
    if is_json:
        invocation.output.document(msgspec.to_builtins(planned.plan))
        return ExitCode.HOLDS
    console = invocation.output.result
    console.print(subject(planned.plan))
    for line in particulars(planned.plan):
        console.print(line)
    console.print(f"runtime {planned.runtime.name.value}: {planned.runtime.reason}")
    for window in planned.plan.schedule.windows:
        console.print(f"  {describe(window)}", soft_wrap=True)
    for omission in planned.plan.schedule.omitted:
        console.print(f"  {describe_omission(omission)}", soft_wrap=True)
    console.print(f"run it: {command_line(planned.plan.command)}", soft_wrap=True)
    return ExitCode.HOLDS


def _save_schedule(path: Path, settings: "ExperimentSettings") -> None:
    from dtx.chaos.schedule_file import schedule_toml  # noqa: PLC0415
    from dtx.core.errors import UsageError  # noqa: PLC0415
    from dtx.experiment.planning import plan_schedule  # noqa: PLC0415 (heavy)
    from dtx.report.wording import command_line  # noqa: PLC0415

    text = schedule_toml(plan_schedule(settings), made_by=command_line(settings.command()))
    try:
        path.write_text(text)
    except OSError as error:
        raise UsageError(f"--save-schedule {path}: can't be written: {error.strerror}") from error


def _print(
    invocation: Invocation,
    finished: "TrialFinished",
    held: "HeldEnvironment | None",
    *,
    is_json: bool,
    is_quiet: bool,
) -> None:
    from dtx.report.headline import headline  # noqa: PLC0415
    from dtx.report.held import held_document, print_held  # noqa: PLC0415
    from dtx.report.json_document import run_document  # noqa: PLC0415
    from dtx.report.terminal import print_report  # noqa: PLC0415

    plan, verdict, folder = finished.plan, finished.verdict, finished.folder
    if is_json:
        document = run_document(plan, verdict, folder)
        invocation.output.document(document | ({"held": held_document(held)} if held else {}))
        return
    if is_quiet:
        invocation.output.result.print(headline(plan, verdict))
    else:
        print_report(invocation.output.result, plan, verdict, folder)
    if held is not None:
        invocation.output.result.print("")
        print_held(invocation.output.result, held)


def _require_place(junit: Path) -> None:
    """Refuse a file that can't be made before the run is done for nothing; an old one stays until there is a new one.

    Raises:
        UsageError: it can't be written.
    """
    import tempfile  # noqa: PLC0415 (start time)

    from dtx.core.errors import UsageError  # noqa: PLC0415

    try:
        junit.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=junit.parent):
            if junit.exists():
                junit.open("ab").close()
    except OSError as error:
        raise UsageError(
            f"--junit {junit}: can't be written: {error.strerror}", hint="give another file"
        ) from error


def _write_junit(path: Path, finished: "TrialFinished") -> None:
    from dtx.core.errors import StorageError  # noqa: PLC0415
    from dtx.report.junit import junit_xml  # noqa: PLC0415

    try:
        path.write_bytes(junit_xml(finished.plan, finished.verdict, finished.took_s))
    except OSError as error:
        raise StorageError(
            f"--junit {path}: can't be written: {error.strerror}",
            hint=f"the run is kept: `dtx check {finished.folder}` judges it again",
        ) from error
