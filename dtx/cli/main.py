"""The program: builds the command line, and is the only place that turns errors into output."""

import functools
import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from dtx.cli import (
    bash_words,
    check,
    clean,
    doctor,
    down,
    images,
    list_things,
    matrix,
    run,
    selftest,
    show,
    up,
)
from dtx.cli.completing import SystemCommand
from dtx.cli.invocation import Invocation
from dtx.cli.log import logged
from dtx.cli.signals import interruptible
from dtx.cli.streams import flush_streams, open_closed_streams, show_what_can_be_shown
from dtx.cli.troubles import interruption, lost_output, tell, trouble_of
from dtx.core.errors import UsageError
from dtx.core.exit_codes import ExitCode, worst

app = typer.Typer(
    name="dtx",
    help="A chaos harness that proves whether distributed transactions stay atomic, on real databases.",
    epilog="Exit codes: 0 holds, 1 violated, 2 usage, 3 unknown, 4 environment, 5 internal, 130 interrupted.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run", cls=SystemCommand, context_settings=run.CONTEXT)(run.run)
app.command("check")(check.check)
app.command("list")(list_things.list_things)
app.command("show", cls=SystemCommand, context_settings=run.CONTEXT)(show.show)
app.command("matrix")(matrix.matrix)
app.command("selftest")(selftest.selftest)
app.command("up", cls=SystemCommand, context_settings=run.CONTEXT)(up.up)
app.command("down")(down.down)
app.command("doctor")(doctor.doctor)
app.command("clean")(clean.clean)
app.add_typer(images.app, name="images")


def _print_version(is_asked: bool) -> None:
    if is_asked:
        import importlib.metadata  # noqa: PLC0415 (start time)

        typer.echo(f"dtx {importlib.metadata.version('dtx')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Print the traceback of an error.")
    ] = False,
) -> None:
    del version, debug  # `execute` looks for --debug itself, before anything can fail


@functools.cache
def _program() -> Callable[..., Any]:
    """Return the command line as typer builds it from `app`, which takes a while."""
    return typer.main.get_command(app)


def main() -> None:
    """Run the command line and exit with its code."""
    open_closed_streams()
    show_what_can_be_shown()
    code = execute(sys.argv[1:])
    flush_streams()
    sys.exit(int(code))


def execute(arguments: Sequence[str]) -> ExitCode:
    """Run one command; errors are printed on stderr and become exit codes."""
    invocation = Invocation(
        is_debug="--debug" in arguments or bool(os.environ.get("DTX_DEBUG")),
        is_json="--json" in arguments,
    )
    try:
        with interruptible(), bash_words.mended(), logged(invocation):
            _refuse_undecodable(arguments)
            # typer answers an interrupt with 130 by itself, and returns what the command returned.
            returned = _program()(
                list(arguments) or ["--help"],
                prog_name="dtx",
                standalone_mode=False,
                obj=invocation,
            )
        code = ExitCode(returned or 0)
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except (
        Exception
    ) as error:  # the process boundary: whatever it is becomes words and an exit code
        if bash_words.is_completing():
            return ExitCode.HOLDS  # whatever is said would end up in the user's command line
        trouble = trouble_of(error, invocation)
        tell(trouble, invocation)
        return trouble.exit_code
    if code is ExitCode.INTERRUPTED:
        tell(interruption(invocation), invocation)
    elif invocation.lost_output is not None:
        trouble = lost_output(invocation.lost_output, code)
        tell(trouble, invocation)
        return worst((code, trouble.exit_code))
    return code


def _refuse_undecodable(arguments: Sequence[str]) -> None:
    """No record and no JSON document could hold them."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            raise UsageError(f"{argument!r} is not UTF-8") from error
