"""Whole-number expressions: what they are worth and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtx.config.expression import Bounds, parse_expression
from dtx.config.place import Place
from dtx.core.errors import ConfigError

PLACE = Place("f")
BOUNDS: dict[str, Bounds | None] = {"a": (1, 9), "b": (-5, 5), "tx": None}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("{a}", 7),
        ("{a} * {b}", -21),
        ("{a} + {b} * 2", 1),
        ("({a} + {b}) * 2", 8),
        ("-{a}", -7),
        ("{a} - {b} - 1", 9),
        ("{b} // 2", -2),
        ("10 // {a}", 1),
        (" {a}*{a} ", 49),
    ],
)
def test_expression_has_the_value_of_whole_number_arithmetic(text: str, value: int) -> None:
    assert parse_expression(text, BOUNDS, PLACE).value({"a": 7, "b": -3, "c": "x"}) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{a",
        "{a} {b}",
        "{a} ** 2",
        "{a} / 2",
        "{a} % 2",
        "a + 1",
        "1.5",
        "{a}.real",
        "{a}(1)",
        "(1, 2)",
        "()",
        "+1",
        "1 if {a} else 2",
        "__import__('os')",
        "{a}\n+1",
        "0x10",
        "1_000",
        "(" * 150,
        "1+" * 150 + "1",
        "012",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_expression(text, BOUNDS, PLACE)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{aa}", 'there is no field "aa"; allowed: a, b, tx'),
        ("{workers.a.url}", "there is no field"),
        ("{tx}", "not always a whole number"),
        ("1 // {b}", "the divisor can be 0"),
        ("1 // 0", "the divisor can be 0"),
        ("9223372036854775807 + {a}", "can exceed 64 bits"),
        ("9223372036854775808", "can exceed 64 bits"),
    ],
)
def test_refusal_says_why(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse_expression(text, BOUNDS, PLACE)


OPERANDS = st.sampled_from(["{a}", "{b}", "0", "1", "3", "12"])
TEXTS = st.recursive(
    OPERANDS,
    lambda inner: st.tuples(inner, st.sampled_from(["+", "-", "*", "//"]), inner).map(
        lambda t: f"({t[0]} {t[1]} {t[2]})"
    ),
    max_leaves=8,
)


@given(text=TEXTS, a=st.integers(1, 9), b=st.integers(-5, 5))
def test_accepted_expression_never_fails_and_agrees_with_python(text: str, a: int, b: int) -> None:
    try:
        expression = parse_expression(text, BOUNDS, PLACE)
    except ConfigError:
        return
    expected = eval(text.replace("{a}", str(a)).replace("{b}", f"({b})"))
    assert expression.value({"a": a, "b": b}) == expected
