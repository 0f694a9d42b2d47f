"""What went wrong, as a user reads it on stderr and, with --json, as a program reads it on stdout."""

import errno
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from typer import TyperException

from dtx.cli.invocation import Invocation
from dtx.cli.usage_words import usage_words
from dtx.core.errors import DtxError, StorageError
from dtx.core.exit_codes import ExitCode
from dtx.core.last_words import telling_line

TRACEBACK_FILE = "traceback.txt"
ERROR_FILE = "error.txt"
_LONGEST_LINE = 1000
_EXHAUSTED = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN,
}  # fmt: skip
"""Errors of the system that no code of ours makes or mends: it has run out of something."""


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
    exhausted = next(
        (e for e in _causes(error) if isinstance(e, OSError) and e.errno in _EXHAUSTED), None
    )
    if exhausted is not None:
        return _expected(_exhaustion(exhausted), invocation)
    return _defect(error, invocation)  # it must not look like a verdict


def interruption(invocation: Invocation) -> Trouble:
    """Return what an interrupt left: nothing that runs, and a run folder if there was a run."""
    words = "interrupted; everything was cleaned up"
    folder = invocation.folder
    if folder is not None:
        words += f"; what was recorded: {folder} (`dtx check {folder}` judges it)"
    return Trouble(exit_code=ExitCode.INTERRUPTED, message=words)


def lost_output(failure: OSError, code: ExitCode) -> Trouble:
    """Return what it means that the result could not be written: whoever reads stdout has not got all of it."""
    return Trouble(
        exit_code=ExitCode.ENVIRONMENT,
        message=f"stdout: {failure.strerror or failure}; the result is lost, its exit code was {int(code)}",
        hint="`dtx check` prints the result of a run again",
    )


def tell(trouble: Trouble, invocation: Invocation) -> None:
    """Print at most three lines on stderr, and one JSON document on stdout if JSON was asked for and none is there."""
    if trouble.exit_code is ExitCode.INTERRUPTED:
        say(trouble.message)
    else:
        first, *rest = trouble.message.splitlines()
        is_ours = first.startswith(("dtx ", "dtx:"))  # it names the command already
        lines = [first if is_ours else f"dtx: {first}", *(f"  {line}" for line in rest)]
        lines += [f"  hint: {trouble.hint}"] if trouble.hint else []
        say("\n".join(printable(line) for line in lines))
    if invocation.is_json and not invocation.is_answered:
        invocation.output.document(
            {
                "status": "error",
                "exit_code": int(trouble.exit_code),
                "message": trouble.message,
                "hint": trouble.hint,
            }
        )


def printable(line: str) -> str:
    """Return a line that may have anything in it, a user's bytes or a worker's, so that a terminal shows it and no more."""
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)
    if len(shown) <= _LONGEST_LINE:
        return shown
    # The place stands at the beginning, the reason at the end: what the user wrote, in between, is long.
    half = _LONGEST_LINE // 2 - 3
    return f"{shown[:half]} ... {shown[-half:]}"


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
    if len(rest) > 1 and (file := _keep(invocation, ERROR_FILE, f"{error.message}\n")):
        hint = "; ".join(filter(None, [hint, f"all of it: {file}"]))
    if invocation.is_debug:
        say(_traceback(error))
    message = "\n".join(filter(None, [first, telling_line(rest)]))
    return Trouble(exit_code=error.exit_code, message=message, hint=hint)


def _exhaustion(error: OSError) -> DtxError:
    where = f"{error.filename}: " if error.filename else ""
    return StorageError(
        f"{where}{error.strerror or error}", hint="the machine has run out of it: `df`, `ulimit -a`"
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _keep(invocation: Invocation, name: str, text: str) -> Path | None:
    """Write what is too long for a message into the run folder; None if there is no place for it."""
    if invocation.folder is None:
        return None
    file = invocation.folder / name
    try:
        file.write_text(text, errors="backslashreplace")
    except OSError:
        return None
    return file


def _defect(error: Exception, invocation: Invocation) -> Trouble:
    where = "--debug prints the traceback"
    if invocation.is_debug:
        say(_traceback(error))
        where = "the traceback stands above"
    if file := _keep(invocation, TRACEBACK_FILE, _traceback(error)):
        where = f"the traceback is in {file}"
    words = str(error).splitlines()[0] if str(error) else "no message"
    return Trouble(
        exit_code=ExitCode.INTERNAL,
        message=f"internal error: {type(error).__name__}: {words}; {where}",
    )


def _traceback(error: BaseException) -> str:
    import traceback  # noqa: PLC0415 (start time)

    return "".join(traceback.format_exception(error))
