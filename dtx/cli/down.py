"""`dtx down`: ends environments that are held open."""

from typing import TYPE_CHECKING, Annotated

import typer

from dtx.cli import completion
from dtx.cli.invocation import invocation_of
from dtx.core.errors import UsageError
from dtx.core.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dtx.core.held import HeldEnvironment


def down(
    context: typer.Context,
    which: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID]",
            help="Its id, or its system's name; not needed if only one is held.",
            autocompletion=completion.held,
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All that this user holds.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")
    ] = False,
) -> ExitCode:
    """End an environment that `dtx up` or `dtx run --keep` holds open, and wait until nothing of it is left."""
    from dtx.targets.held import end, held_environments  # noqa: PLC0415 (heavy)

    output = invocation_of(context).output
    there = held_environments()
    chosen = there if every else _chosen(which, there)
    for held in chosen:
        with output.waiting(f"ending {held.system}, held as {held.id}"):
            end(held)
        if not json:
            output.result.print(
                f"ended {held.system}, held as {held.id}; its logs: {held.folder}/logs"
            )
    if json:
        output.document({"ended": [held.id for held in chosen]})
    elif not chosen:
        output.result.print("nothing is held")
    return ExitCode.HOLDS


def _chosen(which: str | None, there: "Sequence[HeldEnvironment]") -> "Sequence[HeldEnvironment]":
    """Return the one that is meant.

    Raises:
        UsageError: there is no such one, or more than one.
    """
    from dtx.config.place import did_you_mean  # noqa: PLC0415 (start time)

    if which is None and not there:
        return ()
    found = [h for h in there if which in (None, h.id, h.system)]
    if len(found) == 1:
        return found
    names = ", ".join(f"{h.id} ({h.system})" for h in there)
    if not found:
        near = did_you_mean(which or "", [*(h.id for h in there), *(h.system for h in there)])
        raise UsageError(
            f"nothing is held as {which}",
            hint=near or (f"there is: {names}" if names else "`dtx list held` names what is held"),
        )
    raise UsageError("more than one is held: say which", hint=f"{names}; or --all")
