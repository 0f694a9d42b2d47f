"""From the user's words to a timed Schedule: all chance of a run's faults is drawn here, from one seed."""

import contextlib
import random
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from dtx.chaos.fault import Candidates, Draw, Fault, default_argument
from dtx.chaos.faults import FAULTS
from dtx.chaos.grammar import Spec, parse_specs
from dtx.config.model import System
from dtx.core.errors import UsageError
from dtx.core.schedule import Schedule, Step, Window

EPSILON_S = 1e-9
"""Times are sums of decimal fractions: 0.1 + 0.2 must not lie outside a run of 0.3 s."""


def parse_schedule(
    texts: Sequence[str], system: System, *, seed: int, duration_s: float
) -> Schedule:
    """Return the windows that the --fault texts mean for a main phase of `duration_s`.

    The same arguments give the same schedule, always. Links that need traffic stay ranked candidates until the
    warm-up has shown who carries any (`dtx.chaos.aim`); all else is decided here.

    Raises:
        UsageError: unknown fault, scope, argument or time, or two faults that contradict each other.
    """
    rng = random.Random(seed)
    windows: list[Window] = []
    for spec in parse_specs(texts):
        window = _window(spec, system, rng, duration_s, windows)
        _refuse_conflict(window, windows, spec)
        windows.append(window)
    windows.sort(key=lambda w: w.at_s)
    return Schedule(
        text="+".join(texts),
        seed=seed,
        duration_s=duration_s,
        windows=tuple(msgspec.structs.replace(w, index=i) for i, w in enumerate(windows)),
    )


def overlapping(window: Window, others: Iterable[Window]) -> list[Window]:
    """Return the other windows of the same layer that are on at the same time."""
    return [
        other
        for other in others
        if other is not window
        and other.layer is window.layer
        and other.at_s < window.until_s
        and window.at_s < other.until_s
    ]


def is_decided(window: Window) -> bool:
    """Whether all of the window's targets will be hurt, so that nothing is left to choose."""
    return not window.needs_traffic and window.take in (0, len(window.targets))


def _window(
    spec: Spec, system: System, rng: random.Random, duration_s: float, others: Sequence[Window]
) -> Window:
    fault = FAULTS[spec.fault]
    candidates = _candidates(fault, spec, system)
    at_s, until_s = _times(spec, duration_s, candidates.length_s)
    if spec.every_s is not None and candidates.draw is None:
        raise UsageError(
            f"--fault {spec.text}: {fault.name} does not change while it is on, so `every` means nothing",
            hint=f"for on and off: flap:{fault.name},every=1s",
        )
    window = Window(
        index=0,
        fault=fault.name,
        layer=fault.layer,
        proof=candidates.proof or fault.proof,
        targets=candidates.targets,
        at_s=at_s,
        until_s=until_s,
        arg=_argument(fault, spec),
        take=candidates.take,
        needs_traffic=candidates.needs_traffic,
        nth=rng.randint(1, candidates.max_nth),
    )
    if candidates.draw:
        steps = _steps(candidates.draw, spec, rng, until_s - at_s)
        window = msgspec.structs.replace(window, steps=steps)
    if not candidates.take:
        return window
    ranked = rng.sample(candidates.targets, len(candidates.targets))
    if not candidates.needs_traffic:
        ranked = _free_first(ranked, window, others)[: candidates.take]
    return msgspec.structs.replace(window, targets=tuple(ranked))


def _candidates(fault: Fault, spec: Spec, system: System) -> Candidates:
    with _located(spec):
        return fault.candidates(system, scope=spec.scope, argument=_argument(fault, spec))


def _argument(fault: Fault, spec: Spec) -> str | None:
    """Return the argument, or what its absence means: a plan says all that is done."""
    return spec.argument or default_argument(fault) or None


def _steps(draw: Draw, spec: Spec, rng: random.Random, length_s: float) -> tuple[Step, ...]:
    with _located(spec):
        return draw(rng, length_s, spec.every_s)


@contextlib.contextmanager
def _located(spec: Spec) -> Iterator[None]:
    """Say in errors which --fault they are about."""
    try:
        yield
    except UsageError as error:
        if error.message.startswith("--fault"):
            raise
        raise UsageError(f"--fault {spec.text}: {error.message}", hint=error.hint) from error


def _free_first(ranked: list[str], window: Window, others: Sequence[Window]) -> list[str]:
    """Put targets that another window already hurts at that time last, so that a draw avoids them."""
    taken = {t for other in overlapping(window, others) for t in other.targets}
    return sorted(ranked, key=lambda target: target in taken)


def _times(spec: Spec, duration_s: float, length_s: float | None) -> tuple[float, float]:
    """Return begin and end; without both the middle half, with one of them the half run that fits.

    A fault with a `length_s` of its own holds for that, as if the user had said so.
    """
    at_s, for_s = spec.at_s, spec.for_s if spec.for_s is not None else length_s
    if at_s is not None and at_s >= duration_s:
        raise UsageError(
            f"--fault {spec.text}: at={at_s:g}s lies outside a run of {duration_s:g} s",
            hint=f"begin before {duration_s:g}s, or make the run longer with --duration",
        )
    if for_s is not None and not for_s > 0:
        raise UsageError(f"--fault {spec.text}: for=0 hurts nothing", hint="give it some time")
    if at_s is None:
        at_s = duration_s / 4
        if for_s is not None:
            at_s = max(0.0, min(at_s, duration_s - for_s))
    until_s = min(at_s + duration_s / 2, duration_s) if for_s is None else at_s + for_s
    if until_s > duration_s + EPSILON_S:
        raise UsageError(
            f"--fault {spec.text}: it would end at {until_s:g} s, after the run of {duration_s:g} s",
            hint="begin sooner, hold it shorter, or make the run longer with --duration",
        )
    return at_s, min(until_s, duration_s)


def _refuse_conflict(window: Window, others: Sequence[Window], spec: Spec) -> None:
    """Refuse two faults on one target at one time: healing one would heal or undo the other."""
    if not is_decided(window):
        return
    for other in overlapping(window, others):
        shared = set(window.targets) & set(other.targets)
        if shared and is_decided(other):
            raise UsageError(
                f"--fault {spec.text}: {min(shared)} is already hurt by {other.name} "
                f"from {other.at_s:g} s to {other.until_s:g} s",
                hint="give them times that do not overlap, or another scope",
            )
