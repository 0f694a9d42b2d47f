"""Transactions drawn from the seed."""

import pytest

from dtx.config.model import ChoiceField, FieldGenerator, IntField, MatchField
from dtx.workload.generators import transaction

GENERATORS: dict[str, FieldGenerator] = {
    "sku": ChoiceField(values=("apple", "pear")),
    "rare": ChoiceField(values=("no", "yes"), weights=(0.9, 0.1)),
    "quantity": IntField(low=1, high=3),
}


def test_a_number_and_a_seed_give_the_same_transaction_in_any_order() -> None:
    forwards = [transaction(i, seed=7, generators=GENERATORS) for i in range(1, 50)]
    backwards = [transaction(i, seed=7, generators=GENERATORS) for i in range(49, 0, -1)]
    assert forwards == backwards[::-1]


def test_what_is_drawn_never_changes_between_versions() -> None:
    # Fixed on purpose: a change here breaks `dtx replay` of every run folder.
    assert transaction(1, seed=7, generators=GENERATORS).fields == {
        "sku": "apple",
        "rare": "no",
        "quantity": 1,
    }


def test_seeds_differ() -> None:
    first = [transaction(i, seed=1, generators=GENERATORS).fields for i in range(20)]
    second = [transaction(i, seed=2, generators=GENERATORS).fields for i in range(20)]
    assert first != second


def test_ids_have_a_fixed_width() -> None:
    assert transaction(1, seed=7, generators={}).tx == "t000001"
    assert transaction(999_999, seed=7, generators={}).tx == "t999999"


def test_bounds_are_included_and_weights_followed() -> None:
    drawn = [transaction(i, seed=3, generators=GENERATORS).fields for i in range(2000)]
    assert {f["quantity"] for f in drawn} == {1, 2, 3}
    share = sum(f["rare"] == "yes" for f in drawn) / len(drawn)
    assert share == pytest.approx(0.1, abs=0.03)


def test_matched_field_follows_and_leaves_what_is_drawn_as_it_was() -> None:
    matched = {"weight": MatchField(of="sku", values={"apple": 3, "pear": -5})}
    for number in range(1, 50):
        plain = transaction(number, seed=7, generators=GENERATORS).fields
        more = transaction(number, seed=7, generators=matched | GENERATORS).fields
        weight = 3 if plain["sku"] == "apple" else -5
        assert more == {**plain, "weight": weight}
