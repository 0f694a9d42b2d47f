"""When the windows of one fault are on: its `at`, `for` and `every` against the length of the run."""

from dtx.chaos.spec import Spec
from dtx.core.errors import UsageError

EPSILON_S = 1e-9
"""Times are sums of decimal fractions: 0.1 + 0.2 must not lie outside a run of 0.3 s."""
MOST_WINDOWS = 100
"""Each is walked by a thread of its own, and takes its lines in the report."""

Span = tuple[float, float]
"""Begin and end in seconds of the main phase."""


def spans(
    spec: Spec, *, duration_s: float, length_s: float | None, is_repeated: bool
) -> tuple[Span, ...]:
    """Return begin and end of every window of a fault.

    Without both `at` and `for` the middle half of the run, with one of them the half run that fits. Repeated, a
    window of the same length begins `every` seconds after the last one, as long as it fits into the run.

    Args:
        spec: the fault.
        duration_s: of the main phase.
        length_s: how long it holds if the user does not say; None is half of the run.
        is_repeated: whether `every` repeats the window; else it is the fault's own affair.

    Raises:
        UsageError: a window is empty, does not fit into the run, or into its `every`.
    """
    for_s = spec.for_s if spec.for_s is not None else length_s
    every_s = spec.every_s if is_repeated else None
    if every_s is not None:
        for_s = every_s / 2 if for_s is None else for_s
        _check_repetition(every_s, for_s, duration_s)
    first = _first(spec.at_s, for_s, duration_s)
    if every_s is None:
        return (first,)
    at_s, until_s = first
    count = 1 + int((duration_s - until_s) / every_s + EPSILON_S)
    return tuple(
        (round(at_s + n * every_s, 6), round(until_s + n * every_s, 6)) for n in range(count)
    )


def _check_repetition(every_s: float, for_s: float, duration_s: float) -> None:
    if for_s >= every_s:
        raise UsageError(
            f"it holds for {for_s:g} s, which does not fit into every={every_s:g}s",
            hint="make for= shorter or every= longer",
        )
    if duration_s / every_s > MOST_WINDOWS:
        raise UsageError(
            f"every={every_s:g}s makes more than {MOST_WINDOWS} windows", hint="make it longer"
        )


def _first(at_s: float | None, for_s: float | None, duration_s: float) -> Span:
    if at_s is not None and at_s >= duration_s:
        raise UsageError(
            f"at={at_s:g}s lies outside a run of {duration_s:g} s",
            hint=f"begin before {duration_s:g}s, or make the run longer with --duration",
        )
    if for_s is not None and not for_s > 0:
        raise UsageError("for=0 hurts nothing", hint="give it some time")
    if at_s is None:
        at_s = duration_s / 4
        if for_s is not None:
            at_s = max(0.0, min(at_s, duration_s - for_s))
    until_s = min(at_s + duration_s / 2, duration_s) if for_s is None else at_s + for_s
    if until_s > duration_s + EPSILON_S:
        raise UsageError(
            f"it would end at {until_s:g} s, after the run of {duration_s:g} s",
            hint="begin sooner, hold it shorter, or make the run longer with --duration",
        )
    return at_s, min(until_s, duration_s)
