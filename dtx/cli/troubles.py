"""What went wrong, as a user reads it on stderr and, with --json, as a program reads it on stdout."""

import sys
from dataclasses import dataclass

from typer import TyperException

from dtx.cli.invocation import Invocation
from dtx.cli.usage_words import usage_words
from dtx.core.errors import DtxError
from dtx.core.exit_codes import ExitCode
from dtx.core.last_words import telling_line

TRACEBACK_FILE = "traceback.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """An error in words: `message` has one or two lines, `hint` one or none."""

    exit_code: ExitCode
    message: str
    hint: str = ""


def trouble_of(error: Exception, invocation: Invocation) -> Trouble:
    """Return an error in words; what is too long for them is kept in the run folder."""
    if isinstance(error, TyperException):
        message, hint = usage_words(error)
        return Trouble(exit_code=ExitCode.USAGE, message=message, hint=hint)
    if isinstance(error, DtxError):
        return _expected(error, invocation)
    return _defect(error, invocation)  # it must not look like a verdict


def interruption(invocation: Invocation) -> Trouble:
    """Return what an interrupt left: nothing that runs, and a run folder if there was a run."""
    words = "interrupted; everything was cleaned up"
    folder = invocation.folder
    if folder is not None:
        words += f"; what was recorded: {folder} (`dtx check {folder}` judges it)"
    return Trouble(exit_code=ExitCode.INTERRUPTED, message=words)


def tell(trouble: Trouble, invocation: Invocation) -> None:
    """Print at most three lines on stderr, and one JSON document on stdout if JSON was asked for."""
    if trouble.exit_code is ExitCode.INTERRUPTED:
        say(trouble.message)
    else:
        first, *rest = trouble.message.splitlines()
        is_ours = first.startswith(("dtx ", "dtx:"))  # it names the command already
        lines = [first if is_ours else f"dtx: {first}", *(f"  {line}" for line in rest)]
        lines += [f"  hint: {trouble.hint}"] if trouble.hint else []
        say("\n".join(lines))
    if invocation.is_json:
        invocation.output.document(
            {
                "status": "error",
                "exit_code": int(trouble.exit_code),
                "message": trouble.message,
                "hint": trouble.hint,
            }
        )


def say(text: str) -> None:
    """Print on stderr, whatever became of it."""
    try:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 (nothing of rich may fail here)
    except OSError:
        return  # nobody reads stderr any more


def _expected(error: DtxError, invocation: Invocation) -> Trouble:
    first, *rest = error.message.strip().splitlines() or [type(error).__name__]
    hint = error.hint
    # Of a long output one line says why; all of it is kept where there is a place for it.
    if len(rest) > 1 and invocation.folder is not None:
        (invocation.folder / "error.txt").write_text(f"{error.message}\n")
        hint = "; ".join(filter(None, [hint, f"all of it: {invocation.folder / 'error.txt'}"]))
    if invocation.is_debug:
        say(_traceback(error))
    message = "\n".join(filter(None, [first, telling_line(rest)]))
    return Trouble(exit_code=error.exit_code, message=message, hint=hint)


def _defect(error: Exception, invocation: Invocation) -> Trouble:
    where = "--debug prints the traceback"
    if invocation.is_debug:
        say(_traceback(error))
        where = "the traceback stands above"
    if invocation.folder is not None:
        file = invocation.folder / TRACEBACK_FILE
        file.write_text(_traceback(error))
        where = f"the traceback is in {file}"
    words = str(error).splitlines()[0] if str(error) else "no message"
    return Trouble(
        exit_code=ExitCode.INTERNAL,
        message=f"internal error: {type(error).__name__}: {words}; {where}",
    )


def _traceback(error: BaseException) -> str:
    import traceback  # noqa: PLC0415 (start time)

    return "".join(traceback.format_exception(error))
