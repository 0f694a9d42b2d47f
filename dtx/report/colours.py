"""The few colours of the reports; all of them can be read on a light and on a dark background."""

from typing import Final, assert_never

from dtx.core.verdict import Status

FAULT: Final = "bold red3"
HURT_NODE: Final = "bold reverse red3"
QUIET: Final = "dim"
GOOD: Final = "green4"
UNSURE: Final = "dark_orange3"
"""Not yellow: that can't be read on white."""
BAR: Final = "turquoise4"
HEADING: Final = "bold"
COMMAND: Final = "bold"


def of_status(status: Status) -> str:
    """Return the style of a status word."""
    match status:
        case Status.HOLDS:
            return GOOD
        case Status.VIOLATED:
            return FAULT
        case Status.UNKNOWN:
            return UNSURE
        case _:
            assert_never(status)


def of_headline(status: Status) -> str:
    """Return the style of the verdict's own word."""
    match status:
        case Status.HOLDS:
            return "bold bright_white on dark_green"
        case Status.VIOLATED:
            return "bold bright_white on red3"
        case Status.UNKNOWN:
            return "bold black on yellow3"
        case _:
            assert_never(status)
