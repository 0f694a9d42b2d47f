"""The few colours of the reports; all of them can be read on a light and on a dark background."""

from typing import Final, assert_never

from dtx.core.verdict import Status

FAULT: Final = "bold red"
QUIET: Final = "dim"
HEADING: Final = "bold"
COMMAND: Final = "bold"


def of_status(status: Status) -> str:
    """Return the style of a status word."""
    match status:
        case Status.HOLDS:
            return "green"
        case Status.VIOLATED:
            return "bold red"
        case Status.UNKNOWN:
            return "yellow"
        case _:
            assert_never(status)


def of_headline(status: Status) -> str:
    """Return the style of the verdict's own word."""
    match status:
        case Status.HOLDS:
            return "bold white on dark_green"
        case Status.VIOLATED:
            return "bold white on red3"
        case Status.UNKNOWN:
            return "bold black on yellow3"
        case _:
            assert_never(status)
