"""The program: builds the command line, and is the only place that turns errors into output."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer import TyperException

from dtx.cli import check, clean, doctor, images, list_things, matrix, run, selftest, show
from dtx.cli.invocation import Invocation
from dtx.cli.signals import interruptible
from dtx.cli.streams import flush_stdout
from dtx.core.errors import DtxError
from dtx.core.exit_codes import ExitCode

TRACEBACK_FILE = "traceback.txt"

app = typer.Typer(
    name="dtx",
    help="A chaos harness that proves whether distributed transactions stay atomic, on real databases.",
    epilog="Exit codes: 0 holds, 1 violated, 2 usage, 3 unknown, 4 environment, 5 internal, 130 interrupted.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run", context_settings=run.CONTEXT)(run.run)
app.command("check")(check.check)
app.command("list")(list_things.list_things)
app.command("show", context_settings=run.CONTEXT)(show.show)
app.command("matrix")(matrix.matrix)
app.command("selftest")(selftest.selftest)
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


def main() -> None:
    """Run the command line and exit with its code."""
    code = execute(sys.argv[1:])
    flush_stdout()
    sys.exit(int(code))


def execute(arguments: Sequence[str]) -> ExitCode:
    """Run one command; errors are printed on stderr and become exit codes."""
    invocation = Invocation(is_debug="--debug" in arguments or bool(os.environ.get("DTX_DEBUG")))
    try:
        with interruptible():
            # typer answers an interrupt with 130 by itself, and returns what the command returned.
            returned = app(
                list(arguments) or ["--help"],
                prog_name="dtx",
                standalone_mode=False,
                obj=invocation,
            )
        code = ExitCode(returned or 0)
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except TyperException as error:
        _tell_usage(error)
        return ExitCode.USAGE
    except DtxError as error:
        _tell(error, invocation)
        return error.exit_code
    except Exception as error:  # the process boundary: a defect must not look like a verdict
        _tell_defect(error, invocation)
        return ExitCode.INTERNAL
    if code is ExitCode.INTERRUPTED:
        _say("interrupted; everything was cleaned up")
    return code


def _tell(error: DtxError, invocation: Invocation) -> None:
    """Print at most three lines: what happened and where (two), what to do (one)."""
    first, *rest = error.message.strip().splitlines() or [type(error).__name__]
    lines = [f"dtx: {first}"]
    # Of a long output the end says why; all of it is kept where there is a place for it.
    lines += [f"  {line.strip()}" for line in rest[-1:]]
    hint = error.hint
    if len(rest) > 1 and invocation.folder is not None:
        (invocation.folder / "error.txt").write_text(f"{error.message}\n")
        hint = "; ".join(filter(None, [hint, f"all of it: {invocation.folder / 'error.txt'}"]))
    lines += [f"  hint: {hint}"] if hint else []
    _say("\n".join(lines))
    if invocation.is_debug:
        _say(_traceback(error))


def _tell_usage(error: TyperException) -> None:
    describe = getattr(error, "format_message", None)
    words = str(describe()) if describe else str(error)
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "dtx"
    _say(f"dtx: {words}\n  hint: `{command} --help` lists what there is")


def _tell_defect(error: Exception, invocation: Invocation) -> None:
    where = "--debug prints the traceback"
    if invocation.is_debug:
        _say(_traceback(error))
        where = "the traceback stands above"
    if invocation.folder is not None:
        file = invocation.folder / TRACEBACK_FILE
        file.write_text(_traceback(error))
        where = f"the traceback is in {file}"
    words = str(error).splitlines()[0] if str(error) else "no message"
    _say(f"dtx: internal error: {type(error).__name__}: {words}; {where}")


def _traceback(error: BaseException) -> str:
    import traceback  # noqa: PLC0415 (start time)

    return "".join(traceback.format_exception(error))


def _say(text: str) -> None:
    try:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 (nothing of rich may fail here)
    except OSError:
        return  # nobody reads stderr any more
