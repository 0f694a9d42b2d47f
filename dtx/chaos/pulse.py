"""The times at which a fault changes while it is on."""

from dtx.core.errors import UsageError

MOST_BEATS = 10_000
"""All of them stand in plan.json."""


def beats(length_s: float, every_s: float, *, least_s: float) -> tuple[float, ...]:
    """Return the times within a window of `length_s`, `every_s` apart, the first of them 0.

    Raises:
        UsageError: `every_s` is shorter than `least_s`, or there would be too many.
    """
    if every_s < least_s:
        raise UsageError(
            f"every={every_s:g}s is too short to be seen", hint=f"write every={least_s:g}s or more"
        )
    count = max(1, int(length_s / every_s + 1e-9))
    if count > MOST_BEATS:
        raise UsageError(
            f"every={every_s:g}s makes {count} changes", hint="make every= longer, or for= shorter"
        )
    return tuple(round(n * every_s, 6) for n in range(count))
