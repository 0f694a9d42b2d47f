"""The two sides of an invariant as people read them: their databases and, where these are the same, what is read there."""

import re
from collections.abc import Iterator, Sequence

from dtx.config.model import Invariant, Query

_LONGEST = 40
_SELECT = re.compile(r"select\s+(?:distinct\s+)?", re.IGNORECASE)
_FROM = re.compile(r"\s+from\s+", re.IGNORECASE)
_TABLE = re.compile(r"[\w.\"`]+")
_CAST = re.compile(r"::\w+")


def side_names(invariant: Invariant) -> tuple[str, str]:
    """Return e.g. `payments-db`, `orders-db`; or `payments-db (balance + captured)`, `payments-db (initial)`.

    A number is its own name.
    """
    left, right = invariant.left, invariant.right
    if isinstance(right, int):
        return _databases(left), str(right)
    if _databases(left) != _databases(right):
        return _databases(left), _databases(right)
    for told in (_values, _values_and_tables):
        if told(left) != told(right):
            return f"{_databases(left)} ({told(left)})", f"{_databases(right)} ({told(right)})"
    return f"{_databases(left)} (left)", f"{_databases(right)} (right)"


def _databases(queries: Sequence[Query]) -> str:
    return " + ".join(dict.fromkeys(query.database for query in queries))


def _values(queries: Sequence[Query]) -> str:
    return _shortened(value for value, _ in map(_read, queries))


def _values_and_tables(queries: Sequence[Query]) -> str:
    return _shortened(f"{value} of {table}" for value, table in map(_read, queries))


def _shortened(values: Iterator[str]) -> str:
    text = " + ".join(dict.fromkeys(values))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4].rstrip()} ..."


def _read(query: Query) -> tuple[str, str]:
    """Return the last column that a query returns, and the first table that it reads; as written, not understood."""
    sql = " ".join(query.sql.split())
    select = _SELECT.match(sql)
    begin = 0 if select is None else select.end()
    column, end = begin, len(sql)
    for at in _outside(sql, begin):
        if sql[at] == ",":
            column = at + 1
        elif _FROM.match(sql, at):
            end = at
            break
    table = _TABLE.match(sql[end:].removeprefix(" from ").removeprefix(" FROM "))
    return _CAST.sub("", sql[column:end]).strip(), table.group() if table else ""


def _outside(sql: str, begin: int) -> Iterator[int]:
    """Yield the places that are in no brackets and no quotes."""
    depth, quote = 0, ""
    for at in range(begin, len(sql)):
        character = sql[at]
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"`":
            quote = character
        elif character in "()":
            depth += 1 if character == "(" else -1
        elif not depth:
            yield at
