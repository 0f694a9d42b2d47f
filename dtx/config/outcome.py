"""The key client.outcome: how to ask what became of a transaction; JMESPath looks into the answer."""

from collections.abc import Iterator
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions

from dtx.config.model import OutcomeQuery
from dtx.config.place import shown
from dtx.config.table import Value
from dtx.config.template import parse_template

_LONGEST = 500


def parse_outcome(value: Value) -> OutcomeQuery:
    """Read the outcome query; the references of its URL are the caller's to check.

    Raises:
        ConfigError: a key is wrong, or an expression is not JMESPath.
    """
    with value.table() as table:
        url = table.need("url")
        return OutcomeQuery(
            url=parse_template(url.text(), url.place),
            ok=_jmespath(table.need("ok")),
            fail=_jmespath(table.need("fail")),
        )


def _jmespath(value: Value) -> str:
    text = value.text()
    if len(text) > _LONGEST:
        raise value.place.error(f"a JMESPath expression has at most {_LONGEST} characters here")
    hint = "as in: status == 'CONFIRMED'"
    try:
        parsed = jmespath.compile(text).parsed
    except (JMESPathError, ValueError, RecursionError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise value.place.error(f"{shown(text)} is not JMESPath: {lines[0]}", hint=hint) from error
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
