"""The exit codes of every command, and which of several counts."""

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """What a pipeline reads. The table in docs/reference/exit-codes.md is held against this enum."""

    HOLDS = 0
    VIOLATED = 1
    USAGE = 2
    UNKNOWN = 3
    ENVIRONMENT = 4
    INTERNAL = 5
    INTERRUPTED = 130


_WORST_FIRST = (
    ExitCode.INTERRUPTED,
    ExitCode.USAGE,
    ExitCode.VIOLATED,
    ExitCode.INTERNAL,
    ExitCode.ENVIRONMENT,
    ExitCode.UNKNOWN,
    ExitCode.HOLDS,
)


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the code that counts of several: violated > internal > environment > unknown > holds.

    An empty campaign proves nothing, so no codes at all are `UNKNOWN`.
    """
    present = set(codes)
    return next((code for code in _WORST_FIRST if code in present), ExitCode.UNKNOWN)
