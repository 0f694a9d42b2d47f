"""Changes to texts, bytes and values that keep most of what was there: what a slip, a bad disk or a bad tool does."""

import random
from collections.abc import Callable, Sequence
from typing import Any

PIECES: tuple[str, ...] = (
    *'[]{}=.,"#\n\r\t\\ \0@+:;*<>-_aZ09%$()|`~',
    "'", '"""', "'''", "[[", "]]", "\u00e9", "\u2028", "\u202e", "\ufeff", "\U0001f600", "\u0660", "\u00b2",
    "nan", "inf", "-inf", "1e999", "1e308", "-1", "0", "true", "null", "9223372036854775808", "9" * 400,
    "1979-05-27", "07:32:00", "{PORT}", "{tx}", "{workers.orders.url}", "{databases.orders-db.url}", "{{", "}}",
)  # fmt: skip
"""Pieces of text that parsers stumble over."""

VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 255, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 10**30, 10**400, 0.5, -0.5,
    1e-300, 1e300, 1e308, -1e308, "", " ", "x", "0", "-1", "nan", "\0", "\n", "a.b", "../..", "/", "x" * 3000,
    "\u202e\x1b[31m", "{tx}", "{", "{workers.orders.url}", [], [1], ["a"], [[]], {}, {"a": 1}, {"remove": True},
    {"": ""}, [None], [True, 1],
)  # fmt: skip
"""Values of every type, the odd ones of each."""


def mutated_text(text: str, rng: random.Random) -> str:
    """Return the text with one to three changes of lines, pieces or characters."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        change: Callable[[str, random.Random], str] = rng.choice(_OF_TEXT)
        text = change(text, rng)
    return text


def mutated_bytes(content: bytes, rng: random.Random) -> bytes:
    """Return the bytes cut, torn, overwritten, doubled or replaced by others."""
    at = rng.randint(0, len(content))
    length = rng.choice((1, 1, 4, 40, 400))
    match rng.randrange(7):
        case 0:
            return content[:at]
        case 1:
            return content[at:]
        case 2:
            return content[:at] + rng.randbytes(length) + content[at + length :]
        case 3:
            return content[:at] + rng.randbytes(length) + content[at:]
        case 4:
            return content[:at] + bytes(length) + content[at + length :]
        case 5:
            return content + content[at:]
        case _:
            return rng.choice(
                (b"", b"\n", b"\0", b"null", b"{}", b"[]", b"\xff\xfe", b"[" * 20_000, b"9" * 5_000)
            )


def mutated_value(value: Any, rng: random.Random) -> Any:
    """Return a deep copy of a JSON-like value with one place in it changed: replaced, removed, added or moved."""
    paths = tuple(_paths(value))
    path = rng.choice(paths)
    return _changed(value, path, _change(rng, value, paths))


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Sequence[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        for key, inner in value.items():
            found += _paths(inner, (*path, key))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            found += _paths(inner, (*path, position))
    return found


_REMOVED = object()


def _change(
    rng: random.Random, whole: Any, paths: Sequence[tuple[Any, ...]]
) -> Callable[[Any], Any]:
    donor = whole
    for key in rng.choice(paths):
        donor = donor[key]
    odd = rng.choice(VALUES)
    key = rng.choice(("x", "", "remove", "schema", "type", "tx", "a b", "0"))
    return rng.choice(
        (
            lambda _: odd,
            lambda _: odd,
            lambda _: donor,
            lambda _: _REMOVED,
            lambda old: {**old, key: odd} if isinstance(old, dict) else [old],
            lambda old: [*old, odd] if isinstance(old, list) else odd,
            lambda old: [*old, *old] if isinstance(old, list) else {"a": old},
            lambda old: rng.choice((-old, old * 10**9, old + 1)) if _is_number(old) else str(old),
            lambda old: {k.upper(): v for k, v in old.items()} if isinstance(old, dict) else None,
        )
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _changed(value: Any, path: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    if not path:
        return change(value)
    key, *rest = path
    inner = _changed(value[key], tuple(rest), change)
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if k != key}
        return kept if inner is _REMOVED else {**kept, key: inner}
    before, after = value[:key], value[key + 1 :]
    return [*before, *([] if inner is _REMOVED else [inner]), *after]


def _overwritten(text: str, rng: random.Random) -> str:
    at, length = rng.randint(0, len(text)), rng.choice((0, 0, 1, 1, 2, 8))
    return text[:at] + rng.choice(PIECES) + text[at + length :]


def _value_replaced(text: str, rng: random.Random) -> str:
    lines = text.split("\n")
    chosen = [i for i, line in enumerate(lines) if " = " in line]
    if not chosen:
        return _overwritten(text, rng)
    at, other = rng.choice(chosen), rng.choice(chosen)
    key, value = lines[at].split(" = ", 1)
    if rng.random() < 0.5:
        value = rng.choice(
            (lines[other].split(" = ", 1)[1], f'"{rng.choice(PIECES)}"', rng.choice(PIECES))
        )
    else:
        key = rng.choice(
            (lines[other].split(" = ", 1)[0], rng.choice(("remove", "a.b", '""', "tx")))
        )
    lines[at] = f"{key} = {value}"
    return "\n".join(lines)


def _line_moved(text: str, rng: random.Random) -> str:
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    line = lines[at] if rng.random() < 0.5 else lines.pop(at)
    lines.insert(rng.randint(0, len(lines)), line)
    return "\n".join(lines)


def _lines_dropped(text: str, rng: random.Random) -> str:
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    return "\n".join(lines[:at] + lines[at + rng.randint(1, 6) :])


def _word_repeated(text: str, rng: random.Random) -> str:
    at = rng.randint(0, len(text))
    return text[:at] + text[at : at + rng.randint(1, 12)] * rng.choice((2, 3, 50)) + text[at:]


_OF_TEXT: tuple[Callable[[str, random.Random], str], ...] = (
    _overwritten,
    _overwritten,
    _value_replaced,
    _value_replaced,
    _line_moved,
    _lines_dropped,
    _word_repeated,
)
