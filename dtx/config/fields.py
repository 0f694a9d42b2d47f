"""The section [client.fields]: what is drawn for each transaction."""

import re
from collections.abc import Mapping

from dtx.config.expression import Bounds
from dtx.config.model import ChoiceField, FieldGenerator, IntField, MatchField
from dtx.config.place import shown
from dtx.config.table import Table, Value
from dtx.core.history import FieldValue

TX = "tx"
"""The field that every transaction has: its id."""

KINDS = ("choice", "int", "match")
"""What a field may be."""

_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def parse_fields(section: Table) -> Mapping[str, FieldGenerator]:
    """Read the generators of all fields.

    Raises:
        ConfigError: a key is wrong.
    """
    fields: dict[str, FieldGenerator] = {}
    for name, value in section.entries():
        if name == TX:
            raise value.place.error("tx is the transaction's id, which dtx gives")
        if not _FIELD.fullmatch(name):
            raise value.place.error(f"{shown(name)} can't be a field: letters, digits and _")
        fields[name] = _generator(value)
    for name, value in section.entries():
        field = fields[name]
        if isinstance(field, MatchField):
            _check_match(field, fields, value)
    return fields


def bounds_of(fields: Mapping[str, FieldGenerator]) -> Mapping[str, Bounds | None]:
    """Return the least and greatest value of each field; None where one is not a whole number; tx included."""
    return {TX: None, **{name: _bounds(field) for name, field in fields.items()}}


def _bounds(field: FieldGenerator) -> Bounds | None:
    if isinstance(field, IntField):
        return field.low, field.high
    values = tuple(field.values.values()) if isinstance(field, MatchField) else field.values
    numbers = [v for v in values if isinstance(v, int) and not isinstance(v, bool)]
    return (min(numbers), max(numbers)) if len(numbers) == len(values) else None


def _generator(value: Value) -> FieldGenerator:
    with value.table() as table:
        kinds = {kind: found for kind in KINDS if (found := table.get(kind)) is not None}
        weights = table.get("weights")
        if len(kinds) != 1:
            raise table.place.error(f"must have one of: {', '.join(KINDS)}")
        if weights and "choice" not in kinds:
            raise weights.place.error("weights belong to a choice")
        match kinds.popitem():
            case "choice", choice:
                values = tuple(_scalar(item) for item in choice.filled_array())
                return ChoiceField(values=values, weights=_weights(weights, len(values)))
            case "int", whole:
                return _int_field(whole)
            case _, matched:
                by_value = table.need("values").table().entries()
                return MatchField(of=matched.text(), values={k: _scalar(v) for k, v in by_value})


def _check_match(field: MatchField, fields: Mapping[str, FieldGenerator], value: Value) -> None:
    table = value.table()
    match, values = table.need("match"), table.need("values")
    if field.of not in fields:
        raise match.place.no_such(f"there is no field {shown(field.of)}", field.of, fields)
    matched = fields[field.of]
    if not isinstance(matched, ChoiceField) or not all(isinstance(v, str) for v in matched.values):
        raise match.place.error(f"{shown(field.of)} must be a choice of strings")
    choices = [str(choice) for choice in matched.values]
    for choice in choices:
        if choice not in field.values:
            raise values.place.error(f"nothing is said for {shown(choice)}")
    for key, item in values.table().entries():
        if key not in choices:
            raise item.place.no_such(f"{shown(field.of)} is never {shown(key)}", key, choices)


def _int_field(value: Value) -> IntField:
    items = value.array()
    if len(items) != 2:
        raise value.place.error(f"must be [least, greatest], not {shown(value.raw)}")
    low, high = (item.whole() for item in items)
    if low > high:
        raise value.place.error(f"{low} is more than {high}")
    return IntField(low=low, high=high)


def _scalar(value: Value) -> FieldValue:
    if isinstance(value.raw, str | int | float):
        return value.raw
    raise value.place.error(f"must be a string, a number, true or false, not {shown(value.raw)}")


def _weights(value: Value | None, count: int) -> tuple[float, ...] | None:
    if value is None:
        return None
    items = value.array()
    if len(items) != count:
        raise value.place.error(f"must have {count} weights, one for each choice, not {len(items)}")
    for item in items:
        if item.number() <= 0:
            raise item.place.error(f"must be more than 0, not {shown(item.raw)}")
    return tuple(item.number() for item in items)
