"""What stands behind --fault: `NAME[:ARG][@SCOPE][,at=2s][,for=5s]`, several joined with `+`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dtx.chaos.argument import seconds
from dtx.chaos.fault import default_argument
from dtx.chaos.faults import FAULTS, NONE, SUMMARIES
from dtx.chaos.nearest import unknown
from dtx.core.errors import UsageError

SHAPE = "NAME[:ARG][@SCOPE][,at=2s][,for=5s][,every=1s], several joined with +"
_KEYS = ("at", "for", "every")
_NOT_YET = {
    "p": "`p` (a fault that comes with a probability)",
    "random": "`random` (a random schedule)",
    "file": "`file:` (a schedule from a file)",
}
_HEAD = re.compile(r"(?P<name>[^:@]*)(:(?P<argument>[^@]*))?(@(?P<scope>.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One fault as the user wrote it, in `text`; times in seconds, None where not given."""

    text: str
    fault: str
    argument: str | None
    scope: str | None
    at_s: float | None
    for_s: float | None
    every_s: float | None


def parse_specs(texts: Sequence[str]) -> tuple[Spec, ...]:
    """Return the faults in all texts in order; none at all for `none` and for no text.

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
    return tuple(_parse(part) for part in parts)


def _parse(text: str) -> Spec:
    head, *settings = (piece.strip() for piece in text.split(","))
    match = _HEAD.fullmatch(head)
    name = match["name"] if match else head
    argument, scope = (match["argument"], match["scope"]) if match else (None, None)
    _check_name(name, text)
    _check_argument(name, argument, text)
    if scope == "":
        raise UsageError(f"--fault {text}: nothing stands behind the @", hint=f"grammar: {SHAPE}")
    times = _times(settings, text)
    return Spec(
        text=text,
        fault=name,
        argument=argument,
        scope=scope,
        at_s=times.get("at"),
        for_s=times.get("for"),
        every_s=times.get("every"),
    )


def _check_name(name: str, text: str) -> None:
    if not name:
        raise UsageError(f"--fault {text!r}: a fault's name is missing", hint=f"grammar: {SHAPE}")
    if name in _NOT_YET:
        raise _not_yet(name, text)
    if name == NONE:
        raise UsageError(f"--fault {text}: none hurts nothing", hint="write --fault none alone")
    if name not in FAULTS:
        raise unknown("fault", name, SUMMARIES, where=text)


def _check_argument(name: str, argument: str | None, text: str) -> None:
    wanted = FAULTS[name].argument
    if wanted and not argument and (argument == "" or default_argument(FAULTS[name]) is None):
        raise UsageError(
            f"--fault {text}: {name} needs {wanted}: {name}:ARG",
            hint="`dtx show SYSTEM` names what the system has",
        )
    if argument is not None and not wanted:
        raise UsageError(
            f"--fault {text}: {name} takes no argument, but {argument!r} stands behind the colon",
            hint=f"write {name}, or a place as {name}@SCOPE",
        )


def _times(settings: Sequence[str], text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for setting in settings:
        key, equals, value = (piece.strip() for piece in setting.partition("="))
        if key in _NOT_YET:
            raise _not_yet(key, text)
        if key not in _KEYS or not equals:
            raise unknown("setting", key, _KEYS, where=text)
        if key in found:
            raise UsageError(f"--fault {text}: {key} is given twice", hint="leave one of them out")
        found[key] = seconds(value, where=f"--fault {text}: {key}")
    return found


def _not_yet(what: str, text: str) -> UsageError:
    return UsageError(
        f"--fault {text}: {_NOT_YET[what]} is not there yet",
        hint="write the windows out, joined with +: kill,at=2s,for=1s+kill,at=6s,for=1s",
    )
