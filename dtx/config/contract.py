"""The section [contract]: what the system claims."""

from collections.abc import Iterator, Mapping

from dtx.config.model import Contract, Database, Invariant, Isolation, Query
from dtx.config.place import shown
from dtx.config.table import Table, Value

COMPARISONS = ("=", "<=", ">=", "<", ">")


def parse_contract(value: Value, databases: Mapping[str, Database]) -> Contract:
    """Read the contract; what it does not say is not claimed.

    Raises:
        ConfigError: a key is wrong.
    """
    with value.table() as table:
        converges = table.get("converges_within_s")
        isolation, invariants = table.get("isolation"), table.get("invariants")
        return Contract(
            is_atomic=_claim(table, "atomic"),
            is_durable=_claim(table, "durable"),
            is_exactly_once=_claim(table, "exactly_once"),
            is_compensating=_claim(table, "compensates"),
            converges_within_s=converges.seconds() if converges else None,
            invariants=tuple(_invariants(invariants, databases)) if invariants else (),
            isolation=_isolation(isolation) if isolation else Isolation.NONE,
        )


def _claim(table: Table, key: str) -> bool:
    value = table.get(key)
    return value.flag() if value else False


def _isolation(value: Value) -> Isolation:
    text = value.text()
    levels = tuple(level.value for level in Isolation)
    if text not in levels:
        raise value.place.no_such(f"there is no isolation {shown(text)}", text, levels)
    return Isolation(text)


def _invariants(value: Value, databases: Mapping[str, Database]) -> Iterator[Invariant]:
    seen: set[str] = set()
    for item in value.array():
        invariant = _invariant(item, databases)
        if invariant.name in seen:
            raise item.place.at("name").error(f"{shown(invariant.name)} names two invariants")
        seen.add(invariant.name)
        yield invariant


def _invariant(value: Value, databases: Mapping[str, Database]) -> Invariant:
    with value.table() as table:
        right = table.need("right")
        is_number = isinstance(right.raw, int) and not isinstance(right.raw, bool)
        if not is_number and not isinstance(right.raw, Mapping | list | tuple):
            raise right.place.error(
                f"must be a query {{ database, sql }}, an array of them or a whole number, not {shown(right.raw)}"
            )
        return Invariant(
            name=table.need("name").text(),
            left=_side(table.need("left"), databases),
            right=right.whole() if is_number else _side(right, databases),
            compare=_comparison(table.get("compare")),
        )


def _comparison(value: Value | None) -> str:
    if value is None:
        return "="
    text = value.text()
    if text not in COMPARISONS:
        raise value.place.no_such(f"there is no comparison {shown(text)}", text, COMPARISONS)
    return text


def _side(value: Value, databases: Mapping[str, Database]) -> tuple[Query, ...]:
    """Read one query, or several whose results are added up."""
    items = [value] if isinstance(value.raw, Mapping) else value.filled_array()
    return tuple(_query(item, databases) for item in items)


def _query(value: Value, databases: Mapping[str, Database]) -> Query:
    with value.table() as table:
        database = table.need("database")
        name = database.text()
        if name not in databases:
            raise database.place.no_such(f"there is no database {shown(name)}", name, databases)
        return Query(database=name, sql=table.need("sql").text())
