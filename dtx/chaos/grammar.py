"""What stands behind --fault: `NAME[:ARG][@SCOPE][,at=2s][,for=5s][,every=3s][,p=0.5]`, several joined with `+`.

Instead of a fault, `random` is a schedule drawn from the seed and `file:PATH` one that a file has; see
dtx.chaos.random_schedule and dtx.chaos.schedule_file.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dtx.chaos.argument import probability, seconds
from dtx.chaos.fault import default_argument
from dtx.chaos.faults import FAULTS, NONE, SUMMARIES
from dtx.chaos.nearest import unknown
from dtx.chaos.spec import Spec, located
from dtx.core.errors import UsageError

SHAPE = "NAME[:ARG][@SCOPE][,at=2s][,for=5s][,every=3s][,p=0.5], several joined with +"
RANDOM = "random"
FILE = "file:"
_TIMES = ("at", "for", "every")
_CHANCE = "p"
_HEAD = re.compile(r"(?P<name>[^:@]*)(:(?P<argument>[^@]*))?(@(?P<scope>.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class RandomSchedule:
    """`random`: any faults that the system can suffer."""


@dataclass(frozen=True, slots=True)
class ScheduleFile:
    """`file:PATH`: what the file says; `path` as the user wrote it."""

    path: str


Request = Spec | RandomSchedule | ScheduleFile


def parse_requests(texts: Sequence[str]) -> tuple[Request, ...]:
    """Return what all texts ask for, in order; nothing for `none` and for no text.

    Raises:
        UsageError: a text does not follow the grammar, or names a fault that there is not.
    """
    parts = [part.strip() for text in texts for part in text.split("+")]
    if NONE in parts:
        others = [part for part in parts if part != NONE]
        if others:
            raise UsageError(
                f"--fault none contradicts --fault {others[0]}", hint="leave one of them out"
            )
        return ()
    return tuple(_request(part) for part in parts)


def _request(text: str) -> Request:
    where = f"--fault {' '.join(text.split())}"
    if text.startswith(FILE):
        path = text.removeprefix(FILE)
        if not path:
            raise UsageError(f"{where}: which file?", hint="write --fault file:schedule.toml")
        return ScheduleFile(path)
    head, *settings = (piece.strip() for piece in text.split(","))
    if re.fullmatch(rf"{RANDOM}\b.*", head):
        if text != RANDOM:
            raise UsageError(
                f"{where}: a random schedule has its own times and places",
                hint="write --fault random; --seed gives another one",
            )
        return RandomSchedule()
    with located(where):
        name, argument, scope = parse_head(head)
        times = _settings(settings)
    return Spec(
        text=text,
        where=where,
        fault=name,
        argument=argument,
        scope=scope,
        at_s=times.get("at"),
        for_s=times.get("for"),
        every_s=times.get("every"),
        chance=times.get(_CHANCE),
    )


def parse_head(head: str) -> tuple[str, str | None, str | None]:
    """Return name, argument and scope of `NAME[:ARG][@SCOPE]`.

    Raises:
        UsageError: there is no such fault, or its argument is missing or too much.
    """
    match = _HEAD.fullmatch(head)
    name = match["name"] if match else head
    argument, scope = (match["argument"], match["scope"]) if match else (None, None)
    _check_name(name)
    _check_argument(name, argument)
    if scope == "":
        raise UsageError("nothing stands behind the @", hint=f"grammar: {SHAPE}")
    return name, argument, scope


def _check_name(name: str) -> None:
    if not name:
        raise UsageError("a fault's name is missing", hint=f"grammar: {SHAPE}")
    if name == NONE:
        raise UsageError("none hurts nothing", hint="write --fault none alone")
    if name not in FAULTS:
        raise unknown("fault", name, (*SUMMARIES, RANDOM))


def _check_argument(name: str, argument: str | None) -> None:
    wanted = FAULTS[name].argument
    if wanted and not argument and (argument == "" or default_argument(FAULTS[name]) is None):
        raise UsageError(
            f"{name} needs {wanted}: {name}:ARG",
            hint="`dtx show SYSTEM` names what the system has",
        )
    if argument is not None and not wanted:
        raise UsageError(
            f"{name} takes no argument, but {argument!r} stands behind the colon",
            hint=f"write {name}, or a place as {name}@SCOPE",
        )


def _settings(settings: Sequence[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for setting in settings:
        key, equals, value = (piece.strip() for piece in setting.partition("="))
        if not equals and re.split("[:@]", key)[0] in FAULTS:
            raise UsageError(
                f"{setting} is a fault of its own", hint="join faults with +, not with a comma"
            )
        if key not in (*_TIMES, _CHANCE) or not equals:
            raise unknown("setting", key, (*_TIMES, _CHANCE))
        if key in found:
            raise UsageError(f"{key} is given twice", hint="leave one of them out")
        if key == _CHANCE:
            found[key] = probability(value, what=key)
        else:
            found[key] = seconds(value, where=key)
    return found
