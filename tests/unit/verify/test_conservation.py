"""Conservation: scalars, keys, keys of one side only, every comparison."""

from dataclasses import replace

import pytest

from dtx.config.contract import COMPARISONS
from dtx.config.model import Query
from dtx.core.observation import InvariantRow, Side
from dtx.core.verdict import Status
from dtx.verify.checkers.conservation import COMPARE
from tests.support.histories import MONEY, ORDERS, STOCK, RunBuilder, check_of


@pytest.fixture
def run() -> RunBuilder:
    builder = RunBuilder()
    builder.commit("t0001")
    return builder


def test_holding_invariants_are_counted_by_key(run: RunBuilder) -> None:
    run.hold(STOCK.name, left={"apple": 10, "pear": 4}, right={"apple": 10, "pear": 4})
    check = check_of(run.judge(), "conservation")
    assert (check.status, check.judged) == (Status.HOLDS, 3)


def test_sides_are_named_with_the_difference_and_a_missing_row_as_such(run: RunBuilder) -> None:
    orders = Query(database=ORDERS, sql="select sku, sum(quantity) from orders group by sku")
    run.claim(invariants=(replace(STOCK, right=(orders,)),))
    run.hold(STOCK.name, left={"apple": 21550, "pear": 4}, right={"apple": 23734})
    (finding,) = check_of(run.judge(), "conservation").findings
    assert finding.evidence == (
        "apple: inventory-db 21550, orders-db 23734 (2184 too little)",
        "pear: inventory-db 4, orders-db no row (4 too much)",
    )


def test_a_bound_says_what_it_is_not(run: RunBuilder) -> None:
    run.claim(invariants=(replace(STOCK, right=0, compare=">="),))
    run.hold(STOCK.name, left={"apple": -3}, right={})
    (finding,) = check_of(run.judge(), "conservation").findings
    assert finding.evidence == ("apple: inventory-db -3 is not >= 0",)


def test_contract_without_invariants_claims_nothing(run: RunBuilder) -> None:
    run.claim(invariants=())
    verdict = run.judge()
    assert verdict.status is Status.HOLDS
    assert not check_of(verdict, "conservation").is_claimed


def test_broken_scalar_convicts_with_both_values(run: RunBuilder) -> None:
    run.hold(MONEY.name, left={"": 880}, right={})
    verdict = run.judge()
    assert verdict.violated_checkers == ("conservation",)
    (finding,) = check_of(verdict, "conservation").findings
    assert finding.summary == (
        "money is conserved: payments-db 880 instead of 1000 (120 too little)"
    )
    assert finding.subjects == ("money is conserved",)
    assert finding.tx is None


def test_broken_keys_are_named_and_others_not(run: RunBuilder) -> None:
    run.hold(STOCK.name, left={"apple": 10, "pear": 5}, right={"apple": 10, "pear": 4})
    (finding,) = check_of(run.judge(), "conservation").findings
    assert finding.subjects == ("pear",)
    assert finding.evidence == (
        "pear: inventory-db (stock + reserved) 5, inventory-db (initial) 4 (1 too much)",
    )


@pytest.mark.parametrize(("value", "status"), [(0, Status.HOLDS), (1, Status.VIOLATED)])
@pytest.mark.parametrize("is_left", [True, False])
def test_key_of_one_side_only_counts_as_zero_on_the_other(
    run: RunBuilder, value: int, status: Status, is_left: bool
) -> None:
    with_key, without = {"apple": 10, "pear": value}, {"apple": 10}
    left, right = (with_key, without) if is_left else (without, with_key)
    run.hold(STOCK.name, left=left, right=right)
    assert check_of(run.judge(), "conservation").status is status


def test_key_that_two_queries_of_a_side_return_is_the_sum_of_its_rows(run: RunBuilder) -> None:
    run.hold(STOCK.name, left={"apple": 7}, right={"apple": 10})
    run.invariants.append(InvariantRow(name=STOCK.name, side=Side.LEFT, key="apple", value=3))
    assert run.judge().status is Status.HOLDS


@pytest.mark.parametrize(
    ("compare", "left", "holds"),
    [
        ("=", 1000, True),
        ("<=", 1000, True),
        ("<=", 1001, False),
        (">=", 999, False),
        ("<", 1000, False),
        (">", 1001, True),
    ],
)
def test_every_comparison(run: RunBuilder, compare: str, left: int, holds: bool) -> None:
    run.claim(invariants=(replace(MONEY, compare=compare),))
    run.hold(MONEY.name, left={"": left}, right={})
    assert (check_of(run.judge(), "conservation").status is Status.HOLDS) is holds


def test_every_comparison_that_a_systems_file_may_have_is_known() -> None:
    assert set(COMPARE) == set(COMPARISONS)


def test_comparison_that_is_not_known_is_no_verdict(run: RunBuilder) -> None:
    run.claim(invariants=(replace(MONEY, compare="~"),))
    verdict = run.judge()
    assert verdict.status is Status.UNKNOWN
    assert "conservation.py" in verdict.errors[0]
