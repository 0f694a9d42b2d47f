"""Windows beside each other: which are on at one time, and whose targets are settled."""

from collections.abc import Iterable

from dtx.core.schedule import Window


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
