"""Cells of queries become rows of shapes; what does not fit is an error that names its table and what was wanted."""

import datetime
from decimal import Decimal

import pytest

from dtx.core.errors import ConfigError
from dtx.core.observation import Effect, EffectRow, InvariantRow, PendingRow, Side, WaitRow
from dtx.targets.observing import (
    Cells,
    decision_rows,
    effect_rows,
    invariant_rows,
    pending_rows,
    residue_count,
    wait_rows,
)

AT = datetime.datetime(2026, 3, 4, 5, 6, 7, 123457, tzinfo=datetime.UTC)
AT_NS = 1_772_600_767_123_457_000
EFFECTS = r"^\[databases.pay-db.observe\] effects: "
PENDING = r"^\[databases.pay-db.observe\] pending: "
RESIDUE = r"^\[databases.pay-db.residue\] unsent: "
LEFT = r"^\[\[contract.invariants\]\] 'sum' left: "

NOT_WHOLE = [
    None,
    True,
    "7",
    1.5,
    Decimal("1.5"),
    float("nan"),
    float("inf"),
    Decimal("NaN"),
    Decimal("-Infinity"),
    AT,
    [1],
    b"1",
]
WHOLE = [7, 7.0, Decimal(7), Decimal("7.00"), Decimal("70E-1")]


class TestWaits:
    @pytest.mark.parametrize(
        ("row", "what"),
        [
            (("t1", "t2"), ""),
            (("t1", "t2", None), ""),
            (("t1", "t2", "account ann"), "account ann"),
        ],
    )
    def test_row_is_who_waits_for_whom_and_may_say_for_what(self, row: Cells, what: str) -> None:
        expected = WaitRow(participant="pay-db", waiter="t1", holder="t2", what=what)
        assert wait_rows("pay-db", [row]) == [expected]

    @pytest.mark.parametrize("row", [("t1",), ("t1", "t2", "a", "b"), ("t1", 7), ("t1", None)])
    def test_row_of_another_shape_is_refused(self, row: Cells) -> None:
        with pytest.raises(ConfigError, match=r"^\[databases.pay-db.observe\] waits: "):
            wait_rows("pay-db", [row])


class TestEffects:
    def test_row_with_time_keeps_its_microseconds(self) -> None:
        assert effect_rows("pay-db", [("t1", "debit", "applied", 5, AT)]) == [
            EffectRow(
                participant="pay-db",
                tx="t1",
                step="debit",
                effect=Effect.APPLIED,
                amount=5,
                at_ns=AT_NS,
            )
        ]

    def test_microseconds_are_kept_up_to_the_largest_year(self) -> None:
        latest = datetime.datetime.max.replace(tzinfo=datetime.UTC)
        [row] = effect_rows("pay-db", [("t1", "debit", "applied", 5, latest)])
        assert row.at_ns is not None
        assert row.at_ns % 1_000_000_000 == 999_999_000

    def test_time_of_another_zone_is_the_same_moment(self) -> None:
        east = AT.astimezone(datetime.timezone(datetime.timedelta(hours=5, minutes=30)))
        [row] = effect_rows("pay-db", [("t1", "debit", "undone", 5, east)])
        assert row.at_ns == AT_NS

    @pytest.mark.parametrize("row", [("t", "s", "applied", 1), ("t", "s", "applied", 1, None)])
    def test_time_may_be_absent_or_null(self, row: Cells) -> None:
        [effect] = effect_rows("pay-db", [row])
        assert effect.at_ns is None

    @pytest.mark.parametrize("columns", [0, 3, 6])
    def test_wrong_number_of_columns_names_the_wanted_ones(self, columns: int) -> None:
        wanted = EFFECTS + rf"{columns} columns, wanted \(tx, step, effect, amount, at\)$"
        with pytest.raises(ConfigError, match=wanted):
            effect_rows("pay-db", [("x",) * columns])

    @pytest.mark.parametrize("effect", ["done", "", None, 1, ["applied"], "APPLIED"])
    def test_unknown_effect_names_the_known_ones(self, effect: object) -> None:
        with pytest.raises(ConfigError, match=EFFECTS + "effect is .*, not applied or undone$"):
            effect_rows("pay-db", [("t1", "debit", effect, 1)])

    @pytest.mark.parametrize(("column", "cells"), [("tx", (1, "s")), ("step", ("t", None))])
    def test_names_must_be_text(self, column: str, cells: Cells) -> None:
        with pytest.raises(ConfigError, match=EFFECTS + f"{column} is .*, wanted text$"):
            effect_rows("pay-db", [(*cells, "applied", 1)])

    @pytest.mark.parametrize("amount", NOT_WHOLE, ids=repr)
    def test_amount_must_be_whole(self, amount: object) -> None:
        with pytest.raises(ConfigError, match=EFFECTS + "amount is .*, wanted a whole number$"):
            effect_rows("pay-db", [("t1", "debit", "applied", amount)])

    @pytest.mark.parametrize("amount", WHOLE, ids=repr)
    def test_whole_amount_of_any_type_is_taken(self, amount: object) -> None:
        [row] = effect_rows("pay-db", [("t1", "debit", "applied", amount)])
        assert type(row.amount) is int
        assert row.amount == 7

    def test_large_decimal_is_exact(self) -> None:
        large = 10**30 + 1
        [row] = effect_rows("pay-db", [("t1", "debit", "applied", Decimal(large))])
        assert row.amount == large

    @pytest.mark.parametrize("at", [AT.replace(tzinfo=None), AT.date(), "2026-03-04", 5], ids=repr)
    def test_time_without_zone_is_refused(self, at: object) -> None:
        wanted = EFFECTS + "the time is .*, wanted timestamp with time zone$"
        with pytest.raises(ConfigError, match=wanted):
            effect_rows("pay-db", [("t1", "debit", "applied", 1, at)])


class TestPending:
    def test_rows_with_and_without_since(self) -> None:
        assert pending_rows("pay-db", [("t1",), ("t2", AT), ("t3", None)]) == [
            PendingRow(participant="pay-db", tx="t1"),
            PendingRow(participant="pay-db", tx="t2", since_ns=AT_NS),
            PendingRow(participant="pay-db", tx="t3"),
        ]

    @pytest.mark.parametrize(
        ("row", "wanted"),
        [
            ((), r"0 columns, wanted \(tx, since\)"),
            (("t", AT, 1), r"3 columns, wanted \(tx, since\)"),
            ((7,), "tx is 7, wanted text"),
            (("t", 1.0), "the time is 1.0, wanted timestamp with time zone"),
        ],
    )
    def test_row_of_another_form_is_refused(self, row: Cells, wanted: str) -> None:
        with pytest.raises(ConfigError, match=PENDING + wanted + "$"):
            pending_rows("pay-db", [row])


class TestResidue:
    @pytest.mark.parametrize("count", WHOLE, ids=repr)
    def test_one_number(self, count: object) -> None:
        assert residue_count("pay-db", "unsent", [(count,)]) == 7

    @pytest.mark.parametrize(
        ("rows", "found"),
        [
            ([], "0 rows of 0 columns"),
            ([(1,), (2,)], "2 rows of 1 columns"),
            ([(1, 2)], "1 rows of 2 columns"),
        ],
    )
    def test_anything_but_one_row_of_one_number_is_refused(
        self, rows: list[Cells], found: str
    ) -> None:
        wanted = RESIDUE + f"one row with one number is wanted, not {found}$"
        with pytest.raises(ConfigError, match=wanted):
            residue_count("pay-db", "unsent", rows)

    @pytest.mark.parametrize("count", NOT_WHOLE, ids=repr)
    def test_count_must_be_whole(self, count: object) -> None:
        with pytest.raises(ConfigError, match=RESIDUE + "count is .*, wanted a whole number$"):
            residue_count("pay-db", "unsent", [(count,)])


class TestInvariants:
    def test_scalar_has_an_empty_key(self) -> None:
        assert invariant_rows("sum", Side.LEFT, [(Decimal("5.0"),)]) == [
            InvariantRow(name="sum", side=Side.LEFT, key="", value=5)
        ]

    def test_keys_become_text(self) -> None:
        found = invariant_rows("sum", Side.RIGHT, [(1, 10), ("b", 20)])
        assert [(row.key, row.value, row.side) for row in found] == [
            ("1", 10, Side.RIGHT),
            ("b", 20, Side.RIGHT),
        ]

    def test_no_rows_are_no_rows(self) -> None:
        assert invariant_rows("sum", Side.LEFT, []) == []

    @pytest.mark.parametrize(
        ("rows", "wanted"),
        [
            ([(1, 2, 3)], r"3 columns, wanted \(value\) or \(key, value\)"),
            ([("a", None)], "value is None, wanted a whole number"),
            ([("a", 1), ("a", 2)], "the key 'a' comes twice, wanted one row for each key"),
            ([(1,), (2,)], r"2 rows, wanted one row \(value\), or rows \(key, value\)"),
        ],
    )
    def test_rows_of_another_form_are_refused(self, rows: list[Cells], wanted: str) -> None:
        with pytest.raises(ConfigError, match=LEFT + wanted + "$"):
            invariant_rows("sum", Side.LEFT, rows)


class TestDecisions:
    def test_two_or_three_columns(self) -> None:
        rows = decision_rows(
            "log-db", [("t1", "commit"), ("t2", "abort", AT), ("t3", "heuristic", None)]
        )
        assert [(row.subject, row.decision, row.at_ns is None) for row in rows] == [
            ("t1", "commit", True), ("t2", "abort", False), ("t3", "heuristic", True),
        ]  # fmt: skip
        assert {row.participant for row in rows} == {"log-db"}

    @pytest.mark.parametrize("row", [("t1",), ("t1", "commit", AT, 1), (1, "commit"), ("t1", None)])
    def test_anything_else_is_refused(self, row: Cells) -> None:
        with pytest.raises(ConfigError, match=r"^\[databases.log-db.observe\] decisions: "):
            decision_rows("log-db", [row])
