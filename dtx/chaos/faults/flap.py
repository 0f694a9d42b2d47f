"""flap:FAULT[,every=1s]: another link fault, on and off and on again.

Layer: link. Unit: that of the other fault. FAULT is any link fault with its argument: `flap:partition`, `flap:slow:100ms`,
`flap:partition:hard`. In each `every` it is on first, for a part between a quarter and three quarters that is drawn from
the seed, and off for the rest; all times stand in the schedule. Bytes in flight and healing: those of the other fault, each
time that it goes off. Proof: that of the other fault, over all the times that it was on together.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from dtx.chaos.fault import Candidates, Evidence, Ports, Wound
from dtx.chaos.link_wound import SETTLE_S, LinkFault, LinkWound
from dtx.chaos.nearest import unknown
from dtx.chaos.pulse import beats
from dtx.chaos.timer import Timer
from dtx.config.model import System
from dtx.core.errors import UsageError
from dtx.core.history import LinkEvidence
from dtx.core.schedule import Layer, Proof, Step, Window

EVERY_S: Final = 1.0
VARIED: Final = ("partition", "partition:hard", "lose-reply", "slow:100ms")
LEAST_EVERY_S: Final = 0.4
"""A quarter of it still has room for the 50 ms after which replies count."""


class Flap:
    """The fault as users name it, over the faults that it can make flap."""

    name: Final = "flap"
    layer: Final = Layer.LINK
    proof: Final = Proof.SILENCE
    summary: Final = "another link fault, on and off and on again"
    argument: Final = "a link fault: flap:partition"
    default: Final = None

    def __init__(self, faults: Mapping[str, LinkFault]) -> None:
        self._faults = faults

    def variations(self, system: System) -> Sequence[str]:
        """Return the arguments for a random schedule."""
        del system
        return VARIED

    def candidates(self, system: System, *, scope: str | None, argument: str | None) -> Candidates:
        """Return what the other fault can hurt.

        Raises:
            UsageError: it is none, its argument is wrong, or it changes by itself.
        """
        fault, inner = self._inner(argument or "")
        found = fault.candidates(system, scope=scope, argument=inner)
        if found.draw is not None:
            raise UsageError(
                f"{fault.name} changes by itself and can't flap", hint="flap:slow:50ms can"
            )
        return Candidates(
            targets=found.targets,
            take=found.take,
            needs_traffic=found.needs_traffic,
            proof=found.proof,
            draw=_draw,
        )

    def wound(self, window: Window, targets: tuple[str, ...], ports: Ports, timer: Timer) -> Wound:
        """Return the wound of one window."""
        fault, inner = self._inner(window.arg or "")
        injury = fault.injury(inner or "")

        def make(length_s: float) -> LinkWound:
            settle_s = min(SETTLE_S, length_s / 2)
            return LinkWound(injury, targets, ports, timer, settle_s=settle_s)

        return _FlapWound(window, make, timer)

    def _inner(self, argument: str) -> tuple[LinkFault, str | None]:
        name, _, inner = argument.partition(":")
        if name not in self._faults:
            raise unknown("link fault", name, self._faults)
        fault = self._faults[name]
        if inner and not fault.argument:
            raise UsageError(f"{name} takes no argument", hint=f"write flap:{name}")
        if not inner and fault.default is None:
            raise UsageError(
                f"{name} needs {fault.argument}", hint=f"write flap:{name}:{fault.argument}"
            )
        return fault, inner or fault.default


def _draw(rng: random.Random, length_s: float, every_s: float | None) -> tuple[Step, ...]:
    every_s = every_s or EVERY_S
    steps: list[Step] = []
    for at_s in beats(length_s, every_s, least_s=LEAST_EVERY_S):
        on_s = every_s * rng.uniform(0.25, 0.75)
        steps += (Step(at_s=at_s, value=1), Step(at_s=round(at_s + on_s, 6), value=0))
    return tuple(step for step in steps if step.at_s < length_s)


class _FlapWound:
    """One wound after the other on the same links."""

    watch_every_s = 0.01

    def __init__(self, window: Window, make: Callable[[float], LinkWound], timer: Timer) -> None:
        self._steps = list(window.steps)
        self._length_s = window.until_s - window.at_s
        self._make = make
        self._timer = timer
        self._began_ns = 0
        self._looked_ns = 0
        self._now: LinkWound | None = None
        self._over: list[Evidence] = []

    def aim(self) -> None:
        """Wait as the other fault does."""
        self._make(self._length_s).aim()

    def inject(self) -> None:
        """Begin with the first time that it is on."""
        self._began_ns = self._timer.now_ns()
        self._take_step()

    def watch(self) -> bool:
        """Let it sample while it is on, and turn it on and off when it is time."""
        if self._steps and self._seconds() >= self._steps[0].at_s:
            self._take_step()
        elif self._now is not None:
            now_ns = self._timer.now_ns()
            if now_ns - self._looked_ns >= self._now.watch_every_s * 1e9:
                self._looked_ns = now_ns
                self._now.watch()
        return False

    def heal(self) -> None:
        """Heal what is on."""
        wound, self._now = self._now, None
        if wound is not None:
            try:
                wound.heal()
            finally:
                self._over.append(wound.evidence())

    def evidence(self) -> Evidence:
        """Return the sums over all the times that it was on; `connections` of the first, `left` of the last."""
        total: dict[str, LinkEvidence] = {}
        for evidence in self._over:
            for link in evidence.links:
                before = total.get(link.link)
                total[link.link] = link if before is None else _sum(before, link)
        return Evidence(links=tuple(total.values()))

    def _seconds(self) -> float:
        return (self._timer.now_ns() - self._began_ns) / 1e9

    def _take_step(self) -> None:
        # Healing may take longer than the time it is off: then what was missed is left out.
        while self._steps and self._steps[0].at_s <= self._seconds():
            step = self._steps.pop(0)
            is_last_due = not self._steps or self._steps[0].at_s > self._seconds()
            if is_last_due and step.value and self._now is None:
                until_s = self._steps[0].at_s if self._steps else self._length_s
                self._now = self._make(until_s - step.at_s)
                self._now.inject()
            elif not step.value:
                self.heal()


def _sum(one: LinkEvidence, other: LinkEvidence) -> LinkEvidence:
    return msgspec.structs.replace(
        one,
        request_bytes=one.request_bytes + other.request_bytes,
        reply_bytes=one.reply_bytes + other.reply_bytes,
        dropped_request_bytes=one.dropped_request_bytes + other.dropped_request_bytes,
        dropped_reply_bytes=one.dropped_reply_bytes + other.dropped_reply_bytes,
        answered=one.answered + other.answered,
        touched=one.touched + other.touched,
        cut=one.cut + other.cut,
        left=other.left,
        waiting=one.waiting + other.waiting,
    )
