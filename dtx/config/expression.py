"""Whole-number expressions over a transaction's fields: `{price} * {quantity}`.

Python's parser reads the text, but only + - * // and parentheses over whole numbers and fields pass. The
bounds of every part are known from the bounds of the fields, so that a division by zero or a number
beyond 64 bits is found in the file and not in the middle of a run.
"""

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dtx.config.model import Expression, Reference
from dtx.config.place import Place, shown
from dtx.config.template import parse_template
from dtx.core.history import FieldValue

Fields = Mapping[str, FieldValue]
Bounds = tuple[int, int]

_ONLY = "only whole numbers, {field}, + - * // and parentheses"
_LITERAL = re.compile(r"[0-9+\-*/() ]*")
_LONGEST = 200
_LARGEST = 2**63 - 1

_OPERATIONS: Mapping[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: a // b,
}


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of an expression: how to evaluate it, and the least and greatest value that it can have."""

    evaluate: Callable[[Fields], int]
    low: int
    high: int


def parse_expression(text: str, bounds: Mapping[str, Bounds | None], place: Place) -> Expression:
    """Read an expression over the fields in `bounds`: (least, greatest), or None for one that is no whole number.

    Raises:
        ConfigError: not an expression, an unknown field, a divisor that can be 0, a value beyond 64 bits.
    """
    fields: dict[str, str] = {}
    source = ""
    for part in parse_template(text, place).parts:
        if isinstance(part, Reference):
            placeholder = f"field_{len(fields)}"
            fields[placeholder] = _known_field(part, bounds, place)
            source += f" {placeholder} "
        elif _LITERAL.fullmatch(part):
            source += part
        else:
            raise place.error(f"{shown(text)}: {_ONLY}", hint="fields stand in braces: {price}")
    return _compiled(text, source, {p: (f, bounds[f]) for p, f in fields.items()}, place)


def _known_field(reference: Reference, bounds: Mapping[str, Bounds | None], place: Place) -> str:
    field = reference.field
    if reference.kind or field not in bounds:
        raise place.no_such(f"there is no field {shown(field)}", field, bounds)
    if bounds[field] is None:
        raise place.error(f"the field {shown(field)} is not always a whole number")
    return field


def _compiled(
    text: str, source: str, fields: Mapping[str, tuple[str, Bounds | None]], place: Place
) -> Expression:
    if len(text) > _LONGEST:
        raise place.error(f"an expression has at most {_LONGEST} characters")
    try:
        tree = ast.parse(source.strip(), mode="eval").body
        part = _part(tree, fields)
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise place.error(f"{shown(text)} is no expression: {_ONLY}") from error
    except ValueError as error:
        raise place.error(f"{shown(text)}: {error}") from error
    return Expression(text, part.evaluate)


def _part(tree: ast.expr, fields: Mapping[str, tuple[str, Bounds | None]]) -> _Part:
    match tree:
        case ast.Constant(value=int(number)):
            return _bounded(lambda _: number, (number,))
        case ast.Name(id=placeholder):
            return _field(*fields[placeholder])
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _part(operand, fields)
            return _bounded(lambda f: -inner.evaluate(f), (-inner.low, -inner.high))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATIONS:
            return _operation(type(op), _part(left, fields), _part(right, fields))
        case _:
            raise ValueError(_ONLY)


def _field(name: str, bounds: Bounds | None) -> _Part:
    assert bounds is not None, "_known_field refuses such a field"
    return _bounded(lambda fields: int(fields[name]), bounds)


def _operation(kind: type[ast.operator], left: _Part, right: _Part) -> _Part:
    operate = _OPERATIONS[kind]
    if kind is ast.FloorDiv and right.low <= 0 <= right.high:
        raise ValueError("the divisor can be 0")
    # Each operation is monotonic in either side on these ranges, so its extremes are at corners.
    corners = tuple(operate(a, b) for a in (left.low, left.high) for b in (right.low, right.high))
    return _bounded(lambda f: operate(left.evaluate(f), right.evaluate(f)), corners)


def _bounded(evaluate: Callable[[Fields], int], extremes: tuple[int, ...]) -> _Part:
    if max(map(abs, extremes)) > _LARGEST:
        raise ValueError("the value can exceed 64 bits")
    return _Part(evaluate, min(extremes), max(extremes))
