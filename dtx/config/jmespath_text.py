"""JMESPath expressions in a system's file: compiled once to see that they are ones, and kept as text."""

from collections.abc import Iterator
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions

from dtx.config.place import shown
from dtx.config.table import Value

_LONGEST = 500


def parse_jmespath(value: Value, *, example: str) -> str:
    """Return the expression; `example` is one that would do here.

    Raises:
        ConfigError: it is not JMESPath, too long, or calls a function that there is not.
    """
    text = value.text()
    if len(text) > _LONGEST:
        raise value.place.error(f"a JMESPath expression has at most {_LONGEST} characters here")
    try:
        parsed = jmespath.compile(text).parsed
    except (JMESPathError, ValueError, RecursionError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise value.place.error(
            f"{shown(text)} is not JMESPath: {lines[0]}", hint=f"as in: {example}"
        ) from error
    known: dict[str, Any] = Functions.FUNCTION_TABLE
    for function in _functions(parsed):
        if function not in known:
            raise value.place.no_such(
                f"JMESPath has no function {shown(function)}", function, sorted(known)
            )
    return text


def _functions(tree: Any) -> Iterator[str]:
    if not isinstance(tree, dict):
        return
    if tree.get("type") == "function_expression":
        yield tree["value"]
    for child in tree.get("children", ()):
        yield from _functions(child)
