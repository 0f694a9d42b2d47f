"""`dtx up SYSTEM`: brings a system up and holds it open to play in, without a client or a fault."""

import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from dtx.cli import completion
from dtx.cli.invocation import HOLDER, invocation_of
from dtx.cli.run import select
from dtx.cli.trial_view import watch
from dtx.core.errors import InternalError
from dtx.core.exit_codes import ExitCode

UPS = Path(".dtx/up")
"""Where the folders with the workers' logs are, below the current directory."""


def up(
    context: typer.Context,
    system: Annotated[
        str,
        typer.Argument(
            help="A built-in system, or the path of a folder with system.toml.",
            autocompletion=completion.systems,
        ),
    ],
    *,
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
    runtime: Annotated[
        Literal["auto", "docker", "local"], typer.Option(help="Where the servers run.")
    ] = "auto",
    out: Annotated[Path, typer.Option(help="Folder below which logs are kept.")] = UPS,
    env: Annotated[
        bool, typer.Option("--env", help='Print nothing but `export` lines: eval "$(...)".')
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> ExitCode:
    """Bring a system up, hold it open in the background, and say where everything is.

    `dtx down` ends it. A system's own options stand behind its name: --transport kafka.
    """
    from dtx.experiment.holding import HoldOrder, hold  # noqa: PLC0415 (heavy)
    from dtx.experiment.settings import ExperimentSettings  # noqa: PLC0415
    from dtx.report.held import env_of, held_document, print_held  # noqa: PLC0415 (rich)
    from dtx.targets.provision import RuntimeName  # noqa: PLC0415

    invocation = invocation_of(context)
    settings = ExperimentSettings(
        system=system,
        selection=select(context, system, variant=variant, workload=workload),
        seed=1,
        runtime=RuntimeName(runtime),
    )
    order = HoldOrder(settings=settings, folder=_folder(out, system))
    held = watch(invocation, hold(order, HOLDER), is_quiet=quiet).held
    if held is None:
        raise InternalError("the holder ended without a word")
    if json:
        invocation.output.document(held_document(held))
    elif env:
        for name, value in env_of(held).items():
            invocation.output.result.print(f"export {name}='{value}'", soft_wrap=True)
        invocation.output.progress.print(f"held as {held.id}; `dtx down {held.id}` ends it")
    else:
        print_held(invocation.output.result, held)
    return ExitCode.HOLDS


def _folder(out: Path, system: str) -> Path:
    moment = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    return out / f"{moment}-{Path(system).resolve().name}"
