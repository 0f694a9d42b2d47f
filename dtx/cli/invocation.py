"""What one call of dtx carries from `main` to its command and back."""

import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from dtx.cli.output import Output

HOLDER = (sys.executable, "-m", "dtx.cli.holder")
"""The program that holds an environment open."""

RUNS = Path(".dtx/runs")
"""Where run folders are, below the current directory."""


@dataclass
class Invocation:
    """Given to every command as `ctx.obj`.

    Attributes:
        is_debug: whether errors come with their traceback.
        is_json: whether stdout must hold one JSON document, come what may.
        is_answered: whether that document is printed already.
        folder: the run folder, once there is one: where a traceback is kept.
    """

    is_debug: bool = False
    is_json: bool = False
    is_answered: bool = False
    folder: Path | None = None

    @cached_property
    def output(self) -> "Output":
        """Where it writes."""
        from dtx.cli.output import Output  # noqa: PLC0415 (rich: --help does without)

        return Output.standard()

    @property
    def lost_output(self) -> OSError | None:
        """Why a part of the result could not be written to stdout, if so."""
        written = self.__dict__.get("output")
        return written.stdout.failure if written is not None else None


def invocation_of(context: typer.Context) -> Invocation:
    """Return what `main` gave; one of its own for a command that is called without it, as a test may."""
    if not isinstance(context.obj, Invocation):
        context.obj = Invocation()
    return context.obj
