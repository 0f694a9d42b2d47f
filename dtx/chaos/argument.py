"""Times and sizes as users write them in a fault: `2s`, `500ms`, `10KB`."""

import re

from dtx.core.errors import UsageError

# Of a dozen digits: more are no number that anybody means, and some that neither float nor int takes.
_TIME = re.compile(r"(?P<number>\d{1,12}(\.\d{0,12})?|\.\d{1,12})(?P<unit>ms|s)?", re.ASCII)
_SIZE = re.compile(r"(?P<number>\d{1,12})(?P<unit>B|KB)?", re.ASCII)
_NUMBER = re.compile(r"\d{1,12}(\.\d{0,30})?|\.\d{1,30}", re.ASCII)
LONGEST_MS = 30_000
"""A longer delay than this is no delay but silence, and a misread unit: `200` is 200 seconds."""


def seconds(text: str, *, where: str) -> float:
    """Return a time in seconds: `2s`, `500ms`, `1.5`.

    Raises:
        UsageError: it is no such time; the message begins with `where`.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise UsageError(f"{where}: {text!r} is no time", hint="write 2s, 500ms or 1.5 (seconds)")
    return float(match["number"]) / (1000 if match["unit"] == "ms" else 1)


def probability(text: str, *, what: str) -> float:
    """Return how likely something is, more than 0 and at most 1.

    Raises:
        UsageError: it is no such number.
    """
    if not _NUMBER.fullmatch(text) or not 0 < float(text) <= 1:
        raise UsageError(
            f"{what}={text} is no probability", hint="write p=0.5: more than 0, at most 1"
        )
    return float(text)


def milliseconds(text: str, *, what: str) -> int:
    """Return a delay in whole milliseconds, from 1 to LONGEST_MS.

    Raises:
        UsageError: it is no such delay.
    """
    found = round(seconds(text, where=what) * 1000)
    if not 1 <= found <= LONGEST_MS:
        raise UsageError(
            f"{what}: {text} is not between 1 ms and {LONGEST_MS // 1000} s",
            hint=f"did you mean {text}ms?" if text.isdigit() else "write 200ms, or 2s",
        )
    return found


def size_bytes(text: str, *, what: str, least: int = 0) -> int:
    """Return a size in bytes: `100`, `100B`, `2KB` (2000 bytes).

    Raises:
        UsageError: it is no size, or smaller than `least`.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise UsageError(f"{what}: {text!r} is no size", hint="write 100, 100B or 2KB (2000 bytes)")
    found = int(match["number"]) * (1000 if match["unit"] == "KB" else 1)
    if found < least:
        raise UsageError(
            f"{what}: {text} is less than {least} bytes", hint=f"write {least}B or more"
        )
    return found
