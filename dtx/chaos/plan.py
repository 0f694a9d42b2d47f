"""From the user's words to a timed Schedule: all chance of a run's faults is drawn here, from one seed."""

import random
from collections.abc import Iterable, Sequence

import msgspec

from dtx.chaos.fault import Candidates, default_argument
from dtx.chaos.faults import FAULTS
from dtx.chaos.grammar import RandomSchedule, Request, ScheduleFile, parse_requests
from dtx.chaos.overlap import is_decided, overlapping
from dtx.chaos.random_schedule import draw_specs
from dtx.chaos.schedule_file import read_specs
from dtx.chaos.slips import refuse_slips
from dtx.chaos.spans import Span, spans
from dtx.chaos.spec import Drawn, Spec, located
from dtx.config.model import System
from dtx.core.errors import UsageError
from dtx.core.schedule import Layer, Omission, Schedule, Window


def parse_schedule(
    texts: Sequence[str], system: System, *, seed: int, duration_s: float
) -> Schedule:
    """Return the windows that the --fault texts mean for a main phase of `duration_s`.

    The same arguments give the same schedule, always. Links that need traffic stay ranked candidates until the
    warm-up has shown who carries any (`dtx.chaos.aim`); all else is decided here.

    Raises:
        UsageError: unknown fault, scope, argument or time, or two faults that contradict each other.
        UnfitError: a fault that this system can't suffer.
        ConfigError: a schedule's file is wrong.
    """
    draft = _Draft(system, random.Random(seed), duration_s)
    for request in parse_requests(texts):
        for spec in draft.specs(request):
            with located(spec.where):
                draft.add(spec)
    windows = sorted(draft.windows, key=lambda w: w.at_s)
    return Schedule(
        text="+".join(texts),
        seed=seed,
        duration_s=duration_s,
        windows=tuple(msgspec.structs.replace(w, index=i) for i, w in enumerate(windows)),
        omitted=tuple(draft.omitted),
    )


class _Draft:
    """A schedule in the making, and the one source of its chance."""

    def __init__(self, system: System, rng: random.Random, duration_s: float) -> None:
        self._system = system
        self._rng = rng
        self._duration_s = duration_s
        self.windows: list[Window] = []
        self.omitted: list[Omission] = []

    def specs(self, request: Request) -> Iterable[Spec]:
        """Return the faults that a request means."""
        if isinstance(request, RandomSchedule):
            return draw_specs(self._system, self._rng, self._duration_s)
        return read_specs(request.path) if isinstance(request, ScheduleFile) else (request,)

    def add(self, spec: Spec) -> None:
        """Draw the windows of a fault.

        Raises:
            UsageError: scope, argument or times are wrong, or it contradicts a window that is there.
        """
        refuse_slips(spec, self._system)
        candidates = _candidates(spec, self._system)
        for span in spans(
            spec,
            duration_s=self._duration_s,
            length_s=candidates.length_s,
            is_repeated=candidates.draw is None,
        ):
            if spec.chance is None or self._rng.random() < spec.chance:
                window = self._window(spec, candidates, span)
                _refuse_conflict(window, self.windows)
                self.windows.append(window)
            else:
                at_s, until_s = span
                self.omitted.append(
                    Omission(fault=spec.text, at_s=at_s, until_s=until_s, chance=spec.chance)
                )

    def _window(self, spec: Spec, candidates: Candidates, span: Span) -> Window:
        fault = FAULTS[spec.fault]
        at_s, until_s = span
        window = Window(
            index=0,
            fault=fault.name,
            layer=fault.layer,
            proof=candidates.proof or fault.proof,
            targets=candidates.targets,
            at_s=at_s,
            until_s=until_s,
            arg=_argument(spec),
            take=candidates.take,
            needs_traffic=candidates.needs_traffic,
        )
        if spec.drawn:
            return _as_drawn(window, spec.drawn, candidates)
        window = msgspec.structs.replace(window, nth=self._rng.randint(1, candidates.max_nth))
        if candidates.draw:
            steps = candidates.draw(self._rng, until_s - at_s, spec.every_s)
            window = msgspec.structs.replace(window, steps=steps)
        return self._ranked(window) if candidates.take else window

    def _ranked(self, window: Window) -> Window:
        targets = self._rng.sample(window.targets, len(window.targets))
        if not window.needs_traffic:
            targets = _free_first(targets, window, self.windows)[: window.take]
        return msgspec.structs.replace(window, targets=tuple(targets))


def _as_drawn(window: Window, drawn: Drawn, candidates: Candidates) -> Window:
    """Return the window with what a saved schedule has drawn.

    Raises:
        UsageError: the saved steps or pass are none that the fault could have.
    """
    if bool(drawn.steps) is not (candidates.draw is not None):
        need = "needs its steps" if candidates.draw else "has no steps"
        raise UsageError(f"steps: {window.fault} {need}", hint="save the schedule again")
    if not 1 <= drawn.nth <= candidates.max_nth:
        raise UsageError(
            f"nth: {window.fault} can't have pass {drawn.nth}",
            hint=f"it is from 1 to {candidates.max_nth}",
        )
    length_s = window.until_s - window.at_s
    if drawn.steps and (drawn.steps[0].at_s != 0 or drawn.steps[-1].at_s >= length_s):
        raise UsageError(
            "steps: they must begin at 0 and lie within the window", hint="save the schedule again"
        )
    return msgspec.structs.replace(
        window,
        targets=drawn.targets,
        take=drawn.take,
        needs_traffic=drawn.take > 0,
        nth=drawn.nth,
        steps=drawn.steps,
    )


def _candidates(spec: Spec, system: System) -> Candidates:
    fault, argument = FAULTS[spec.fault], _argument(spec)
    if spec.drawn is None:
        return fault.candidates(system, scope=spec.scope, argument=argument)
    if spec.drawn.take and fault.layer is not Layer.LINK:
        raise UsageError(f"take: {fault.name} hurts nodes, not links with traffic")
    last: Candidates | None = None
    for target in spec.drawn.targets:
        # Each must be one that the fault can hurt in this system.
        last = fault.candidates(system, scope=target, argument=argument)
        if last.targets != (target,):
            raise UsageError(
                f"targets: {target} is no single {fault.layer.value}",
                hint="name links or nodes, or write scope instead of targets",
            )
    if last is None:
        raise UsageError("targets: there is none", hint="leave targets out to have it drawn")
    return last


def _argument(spec: Spec) -> str | None:
    """Return the argument, or what its absence means: a plan says all that is done."""
    return spec.argument or default_argument(FAULTS[spec.fault]) or None


def _free_first(ranked: list[str], window: Window, others: Sequence[Window]) -> list[str]:
    """Put targets that another window already hurts at that time last, so that a draw avoids them."""
    taken = {t for other in overlapping(window, others) for t in other.targets}
    return sorted(ranked, key=lambda target: target in taken)


def _refuse_conflict(window: Window, others: Sequence[Window]) -> None:
    """Refuse two faults on one target at one time: healing one would heal or undo the other."""
    if not is_decided(window):
        return
    for other in overlapping(window, others):
        shared = set(window.targets) & set(other.targets)
        if shared and is_decided(other):
            raise UsageError(
                f"{min(shared)} is already hurt by {other.name} "
                f"from {other.at_s:g} s to {other.until_s:g} s",
                hint="give them times that do not overlap, or another scope",
            )
