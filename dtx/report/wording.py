"""Numbers and names as people read them, and text that can't play tricks on a terminal."""

import re
import shlex
from collections.abc import Iterable, Sequence

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def count(number: int, noun: str) -> str:
    """Return `1 transaction`, `3 transactions`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def size(size_bytes: int) -> str:
    """Return `512 B`, `1.2 kB`, `3.4 MB`."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    kilobytes = size_bytes / 1000
    return f"{kilobytes:.1f} kB" if kilobytes < 1000 else f"{kilobytes / 1000:.1f} MB"


def seconds(time_s: float) -> str:
    """Return `2.5 s`, without digits that say nothing."""
    return f"{time_s:.1f}".removesuffix(".0") + " s"


def duration(time_s: float) -> str:
    """Return `12 s`, `3 min 20 s`, `1 h 5 min`: for what takes long, in whole parts."""
    whole = round(time_s)
    if whole < 60:
        return f"{whole} s"
    minutes, rest_s = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest_s} s" if rest_s else f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def milliseconds(time_ms: float) -> str:
    """Return `3.4 ms`, `120 ms`, `2.1 s`."""
    if time_ms >= 1000:
        return f"{time_ms / 1000:.2f} s"
    return f"{time_ms:.1f} ms" if time_ms < 10 else f"{time_ms:.0f} ms"


def listed(names: Iterable[str], *, at_most: int = 4) -> str:
    """Return `a, b, c and 5 more`."""
    every = list(names)
    text = ", ".join(every[:at_most])
    return text if len(every) <= at_most else f"{text} and {len(every) - at_most} more"


def command_line(words: Sequence[str]) -> str:
    """Return a command as it can be pasted into a shell."""
    return shlex.join(words)


def clean(text: str) -> str:
    """Return text of a worker or a server without control codes, which a terminal would obey."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
