"""`--fault file:schedule.toml`: a schedule from a file, and a schedule as such a file.

One table `[[faults]]` for each fault. Its keys are those of the grammar (`fault`, `scope`, `at`, `for`, `every`, `p`). Instead of
`scope`, a saved schedule has what was drawn: `targets`, `take`, `nth`, `steps`. See docs/how-to/schedules.md.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from dtx.chaos.argument import probability, seconds
from dtx.chaos.grammar import parse_head
from dtx.chaos.spec import Drawn, Spec
from dtx.config.place import Place
from dtx.config.table import Table, Value
from dtx.config.toml_file import read_toml
from dtx.core.errors import UsageError
from dtx.core.schedule import Schedule, Step, Window

HINT = "docs/how-to/schedules.md shows one; `dtx run --plan --save-schedule FILE` writes one"


def read_specs(path: str) -> tuple[Spec, ...]:
    """Return the faults of a file, in its order.

    Raises:
        ConfigError: it can't be read, or a key is wrong; the message names file and key.
    """
    with Table(Place(path), read_toml(Path(path), hint=HINT)) as top:
        entries = top.need("faults").filled_array()
    return tuple(_spec(entry) for entry in entries)


def _spec(entry: Value) -> Spec:
    with entry.table() as table:
        head = table.need("fault")
        try:
            fault, argument, scope = parse_head(head.text())
        except UsageError as error:
            raise head.place.error(error.message, hint=error.hint) from error
        if scope is not None:
            raise head.place.error(
                "has an @", hint='the place stands in a key of its own: scope = "..."'
            )
        drawn = _drawn(table)
        place = table.get("scope")
        if drawn and place:
            raise place.place.error("contradicts targets", hint="leave one of them out")
        times = {key: _seconds(table.get(key)) for key in ("at", "for", "every")}
        chance = table.get("p")
        return Spec(
            text=head.text(),
            where=str(entry.place),
            fault=fault,
            argument=argument,
            scope=place.text() if place else None,
            at_s=times["at"],
            for_s=times["for"],
            every_s=times["every"],
            chance=_probability(chance) if chance else None,
            drawn=drawn,
        )


def _drawn(table: Table) -> Drawn | None:
    targets = table.get("targets")
    take, nth, steps = (table.get(key) for key in ("take", "nth", "steps"))
    if targets is None:
        for value in (take, nth, steps):
            if value is not None:
                raise value.place.error("needs targets", hint="it is for a saved schedule")
        return None
    return Drawn(
        targets=tuple(target.text() for target in targets.filled_array()),
        take=take.whole(0, 1000) if take else 0,
        nth=nth.whole(1, 1000) if nth else 1,
        steps=tuple(_steps(steps)) if steps else (),
    )


def _steps(value: Value) -> Iterator[Step]:
    last_s = -1.0
    for item in value.filled_array():
        pair = item.array()
        if len(pair) != 2:
            raise item.place.error("must be [seconds, value]")
        at_s = pair[0].number()
        if at_s <= last_s:
            raise pair[0].place.error("must be later than the step before it, and not negative")
        last_s = at_s
        yield Step(at_s=at_s, value=pair[1].whole(0, 1_000_000))


def _seconds(value: Value | None) -> float | None:
    if value is None:
        return None
    if not isinstance(value.raw, str):
        found = value.number()
        if found < 0:
            raise value.place.error("must not be negative")
        return found
    try:
        return seconds(value.text(), where=str(value.place))
    except UsageError as error:
        raise value.place.error(f"{value.raw!r} is no time", hint=error.hint) from error


def _probability(value: Value) -> float:
    try:
        return probability(f"{value.number():g}", what="p")
    except UsageError as error:
        raise value.place.error("is no probability", hint="more than 0, at most 1") from error


def schedule_toml(schedule: Schedule, *, made_by: str) -> str:
    """Return the windows of a schedule as a file that means exactly them, whatever the seed; `made_by` is a comment."""
    lines = [f"# {made_by}", f"# For a run of {schedule.duration_s:g} s."]
    for window in schedule.windows:
        lines += ["", "[[faults]]", *_lines(window)]
    return "\n".join(lines) + "\n"


def _lines(window: Window) -> Iterator[str]:
    yield f"fault = {json.dumps(window.name)}"
    yield f"at = {window.at_s!r}"
    yield f"for = {round(window.until_s - window.at_s, 9)!r}"
    yield f"targets = {json.dumps(window.targets)}"
    if window.needs_traffic:
        yield f"take = {window.take}"
    if window.nth != 1:
        yield f"nth = {window.nth}"
    if window.steps:
        steps = ", ".join(f"[{step.at_s!r}, {step.value}]" for step in window.steps)
        yield f"steps = [{steps}]"
