"""One fault as it was asked for, on the command line, in a file or by a random schedule."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from dtx.core.errors import UsageError
from dtx.core.schedule import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What a saved schedule has drawn already, so that nothing is left to chance.

    Attributes:
        targets: links or nodes, ranked.
        take: how many of them that carry traffic are hurt; 0 is all of them, with traffic or not.
        nth: the pass of a crash point.
        steps: changes while it is on.
    """

    targets: tuple[str, ...]
    take: int = 0
    nth: int = 1
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One fault; times in seconds, None where not given.

    Attributes:
        text: as the user wrote it, for the words of the plan.
        where: what an error begins with: `--fault kill,at=2s`, `schedule.toml: faults[0]`.
        chance: how likely each of its windows comes.
        drawn: for a fault from a saved schedule.
    """

    text: str
    where: str
    fault: str
    argument: str | None
    scope: str | None = None
    at_s: float | None = None
    for_s: float | None = None
    every_s: float | None = None
    chance: float | None = None
    drawn: Drawn | None = None


@contextlib.contextmanager
def located(where: str) -> Iterator[None]:
    """Say in errors where the fault that they are about was asked for."""
    try:
        yield
    except UsageError as error:
        if error.message.startswith(where):
            raise
        # Of the same kind: a fault that a system can't suffer stays one.
        raise type(error)(f"{where}: {error.message}", hint=error.hint) from error
