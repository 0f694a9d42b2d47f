"""A TOML file as plain tables: strings, numbers, booleans, arrays and tables, which JSON can hold too."""

import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dtx.config.place import Place, shown
from dtx.core.errors import ConfigError

FILE_NAME = "system.toml"

_DEEPEST = 30
_LARGEST_BYTES = 1_000_000
_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def read_toml(
    path: Path, *, hint: str = "docs/how-to/own-system.md begins with one to copy"
) -> dict[str, Any]:
    """Return the tables of a TOML file; `hint` is for one that can't be read.

    Raises:
        ConfigError: unreadable, malformed (with line and column), or a value that JSON can't hold.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(
            f"{path}: can't be read: {reason}",
            hint=hint,
        ) from error
    if len(content) > _LARGEST_BYTES:
        raise ConfigError(
            f"{path}: larger than {_LARGEST_BYTES // 10**6} MB, which no such file is", hint=hint
        )
    tables = _decoded(content, str(path))
    require_plain(tables, Place(str(path)))
    return tables


def _decoded(content: bytes, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        line, column = _end_of(content[: error.start].decode())
        raise ConfigError(f"{source}:{line}:{column}: not UTF-8: {error.reason}") from error
    except tomllib.TOMLDecodeError as error:
        raise _malformed(str(error), content.decode(), source) from error
    except (ValueError, RecursionError) as error:
        # Whole numbers of thousands of digits, and arrays nested hundreds deep.
        raise ConfigError(f"{source}: not TOML that can be read: {error}") from error


def _malformed(message: str, text: str, source: str) -> ConfigError:
    found = _POSITION.search(message)
    what = message[: found.start()] if found else message
    if found and found[1]:
        line, column = int(found[1]), int(found[2])
    else:
        line, column = _end_of(text)
    return ConfigError(f"{source}:{line}:{column}: not valid TOML: {what}")


def _end_of(text: str) -> tuple[int, int]:
    return text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1


def require_plain(values: Mapping[str, Any], place: Place) -> None:
    """Raise ConfigError for a value that JSON can't hold as it is, or that is nested too deep."""
    waiting: list[tuple[Place, Any]] = [(place, values)]
    while waiting:
        at, value = waiting.pop()
        problem = _problem(value)
        if len(at.keys) > _DEEPEST:
            raise place.at(at.keys[0]).error("nested too deep")
        if problem:
            raise at.error(problem)
        waiting.extend(_inside(at, value))


def _inside(at: Place, value: Any) -> Iterator[tuple[Place, Any]]:
    if isinstance(value, Mapping):
        yield from ((at.at(key), item) for key, item in value.items())
    elif isinstance(value, list | tuple):
        yield from ((at.at(position), item) for position, item in enumerate(value))


def _problem(value: Any) -> str | None:
    if isinstance(value, str):
        # No program takes a NUL in its command line or environment, and no path has one.
        return "has a NUL character" if "\0" in value else None
    if isinstance(value, int):
        return None if -(2**63) <= value < 2**63 else "does not fit 64 bits"
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{shown(value)} is not a finite number"
    if isinstance(value, Mapping | list | tuple):
        return None
    return f"{shown(value)} is a date or time, which no key takes: write a string"
