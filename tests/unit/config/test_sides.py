"""The sides of an invariant: named by their databases, or by what is read there."""

import pytest

from dtx.config.model import Invariant, Query
from dtx.config.sides import side_names

PAYMENTS, ORDERS = "payments-db", "orders-db"


def _names(
    left: tuple[tuple[str, str], ...], right: tuple[tuple[str, str], ...] | int
) -> tuple[str, str]:
    def queries(side: tuple[tuple[str, str], ...]) -> tuple[Query, ...]:
        return tuple(Query(database=database, sql=sql) for database, sql in side)

    return side_names(
        Invariant(
            name="money",
            left=queries(left),
            right=right if isinstance(right, int) else queries(right),
            compare="=",
        )
    )


def test_different_databases_say_which_side_is_which() -> None:
    names = _names(((PAYMENTS, "select a from b"), (ORDERS, "?")), ((ORDERS, "select a from b"),))
    assert names == ("payments-db + orders-db", "orders-db")


def test_a_number_is_its_own_name() -> None:
    assert _names(((PAYMENTS, "select a from b"),), -3) == ("payments-db", "-3")


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (
            "select customer, balance + captured from accounts",
            "select customer, initial from accounts",
            ("balance + captured", "initial"),
        ),
        (
            "SELECT sku, sum(price * quantity)::bigint FROM orders GROUP BY sku",
            "select concat(a, ' from ', b), (select max(c) from d) e from f",
            ("sum(price * quantity)", "(select max(c) from d) e"),
        ),
        ("select amount\n  from captured", "select amount from paid", ("amount of captured", "amount of paid")),
        ("call left_side()", "call left_side()", ("left", "right")),
        ("select 1", "select 2", ("1", "2")),
        (f"select {'a' * 50} from b", "select 1 from b", (f"{'a' * 36} ...", "1")),
    ],
)  # fmt: skip
def test_one_database_is_told_with_what_is_read_there(
    left: str, right: str, expected: tuple[str, str]
) -> None:
    names = _names(((PAYMENTS, left),), ((PAYMENTS, right),))
    assert names == tuple(f"payments-db ({words})" for words in expected)
