"""`--fault random`: a schedule over everything that a system can suffer, drawn from the seed.

The run is cut into slots of the same length, one fault to each, with room between them for healing and for
transactions that nothing hurts: a fault proves little while another one keeps all traffic away. Faults that the system can't
suffer, or that need more time than a slot has, are left out. Where a fault lands is drawn as if the user had named no scope.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from dtx.chaos.fault import Fault, Varied, default_argument
from dtx.chaos.faults import FAULTS
from dtx.chaos.spec import Spec
from dtx.config.model import System
from dtx.core.errors import UsageError

LEAST_SLOT_S = 1.5
MOST_SLOTS = 6
LEAD = 0.1
"""Share of a slot before its fault begins; and of the run before the first slot, and behind the last one."""
SHORTEST, LONGEST = 0.4, 0.65
"""Shares of a slot for which a fault holds."""
LONGEST_S = 6.0


@dataclass(frozen=True, slots=True)
class _Choice:
    """A fault with an argument that the system can suffer; `length_s` is None where any length will do."""

    fault: str
    argument: str
    length_s: float | None

    @property
    def text(self) -> str:
        return f"{self.fault}:{self.argument}" if self.argument else self.fault


def draw_specs(system: System, rng: random.Random, duration_s: float) -> tuple[Spec, ...]:
    """Return faults, one after the other, that fit into the run.

    Raises:
        UsageError: the system can suffer nothing, or the run has no room.
    """
    most = min(MOST_SLOTS, int(duration_s * (1 - 2 * LEAD) / LEAST_SLOT_S))
    count = rng.randint(min(2, most), most) if most else 1
    slot_s = duration_s * (1 - 2 * LEAD) / count
    choices = _choices(system, longest_s=slot_s * LONGEST)
    if not choices:
        raise UsageError(
            f"--fault random: nothing that {system.name} can suffer fits into {duration_s:g} s",
            hint="make the run longer with --duration",
        )
    faults = list(choices)
    names = rng.sample(faults, min(count, len(faults)))
    return tuple(
        _spec(rng, rng.choice(choices[name]), duration_s * LEAD + n * slot_s, slot_s)
        for n, name in enumerate(names)
    )


def _choices(system: System, *, longest_s: float) -> dict[str, list[_Choice]]:
    found: dict[str, list[_Choice]] = {}
    for fault in FAULTS.values():
        fitting = [
            choice
            for choice in _suffered(fault, system)
            if choice.length_s is None or choice.length_s <= longest_s
        ]
        if fitting:
            found[fault.name] = fitting
    return found


def _suffered(fault: Fault, system: System) -> Iterator[_Choice]:
    if isinstance(fault, Varied):
        arguments = fault.variations(system)
    else:
        arguments = ("",) if default_argument(fault) is not None else ()
    for argument in arguments:
        meant = argument or default_argument(fault) or None
        try:
            candidates = fault.candidates(system, scope=None, argument=meant)
        except UsageError:
            continue  # This system can't suffer it.
        yield _Choice(fault.name, argument, candidates.length_s)


def _spec(rng: random.Random, choice: _Choice, slot_at_s: float, slot_s: float) -> Spec:
    length_s = choice.length_s or min(LONGEST_S, slot_s * rng.uniform(SHORTEST, LONGEST))
    at_s = round(slot_at_s + slot_s * LEAD, 3)
    length_s = round(length_s, 3)
    text = f"{choice.text},at={at_s:g}s,for={length_s:g}s"
    return Spec(
        text=text,
        where=f"--fault random: {text}",
        fault=choice.fault,
        argument=choice.argument or None,
        at_s=at_s,
        for_s=length_s,
    )
