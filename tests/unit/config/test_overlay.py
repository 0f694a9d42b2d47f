"""Overlays: order, merging, removal, and what stays in the resolved tables."""

from pathlib import Path

import pytest

from dtx.config.model import IntField, Selection
from dtx.config.overlay import apply
from dtx.config.place import Place
from dtx.core.errors import ConfigError
from tests.unit.config.sample import TEXT, changed, load


def env(tmp_path: Path, selection: Selection, text: str = TEXT) -> set[str]:
    return set(load(tmp_path, text, selection).workers["orders"].env)


def size(tmp_path: Path, selection: Selection, text: str = TEXT) -> object:
    return load(tmp_path, text, selection).workers["orders"].env["SIZE"].parts[0]


def test_overlay_changes_its_keys_and_leaves_the_others(tmp_path: Path) -> None:
    shop = load(tmp_path, selection=Selection(workload="large"))
    assert shop.client.fields["quantity"] == IntField(low=10, high=30)
    assert list(shop.client.fields) == ["sku", "price", "quantity"]


def test_array_is_replaced_whole(tmp_path: Path) -> None:
    shop = load(tmp_path, selection=Selection(variant="careless"))
    assert [t.parts for t in shop.workers["orders"].command] == [("./careless",)]


def test_option_value_is_applied_and_removes_a_key_and_its_link(tmp_path: Path) -> None:
    selection = Selection(options={"transport": "queue"})
    shop = load(tmp_path, selection=selection)
    assert "PAYMENTS_URL" not in shop.workers["orders"].env
    assert "TRANSPORT" in shop.workers["orders"].env
    assert "orders->payments" not in [link.name for link in shop.links]


def test_default_value_with_an_overlay_is_applied_when_nothing_is_chosen(tmp_path: Path) -> None:
    text = changed('default = "http"', 'default = "queue"')
    assert "TRANSPORT" in env(tmp_path, Selection(), text)
    assert "TRANSPORT" not in env(tmp_path, Selection(), TEXT)


def test_variant_is_merged_over_workload(tmp_path: Path) -> None:
    assert size(tmp_path, Selection(workload="large")) == "workload"
    assert size(tmp_path, Selection(workload="large", variant="careless")) == "variant"


def test_option_is_merged_over_workload_and_under_variant(tmp_path: Path) -> None:
    text = changed('TRANSPORT = "queue"', 'SIZE = "option"')
    options = {"transport": "queue"}
    assert size(tmp_path, Selection(workload="large", options=options), text) == "option"
    chosen = Selection(workload="large", options=options, variant="careless")
    assert size(tmp_path, chosen, text) == "variant"


def test_keys_about_the_variant_are_no_overlay(tmp_path: Path) -> None:
    shop = load(tmp_path, selection=Selection(variant="careless"))
    assert not {"title", "bug", "breaks", "exposed_by"} & shop.tables.keys()


def test_declarations_stay_in_the_resolved_tables(tmp_path: Path) -> None:
    base, chosen = load(tmp_path), load(tmp_path, selection=Selection(workload="large"))
    for section in ("variants", "options", "workloads"):
        assert base.tables[section] == chosen.tables[section]


def test_removing_what_was_never_there_is_refused(tmp_path: Path) -> None:
    text = changed("PAYMENTS_URL = { remove", "PAYMENT_URL = { remove")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, Selection(options={"transport": "queue"}))
    key = "options.transport.values.queue.workers.orders.env.PAYMENT_URL"
    assert f"{key}: there is nothing to remove" in caught.value.message


def test_two_overlays_may_remove_the_same_key(tmp_path: Path) -> None:
    text = changed(
        'workers.orders.env.SIZE = "variant"', "workers.orders.env.PAYMENTS_URL = { remove = true }"
    )
    chosen = Selection(options={"transport": "queue"}, variant="careless")
    assert "PAYMENTS_URL" not in env(tmp_path, chosen, text)


def test_overlay_may_add_a_node(tmp_path: Path) -> None:
    text = changed(
        'workers.orders.env.SIZE = "variant"', 'workers.second = { command = ["./second"] }'
    )
    assert "second" in load(tmp_path, text, Selection(variant="careless")).workers


def test_remove_that_is_not_true_is_an_ordinary_key(tmp_path: Path) -> None:
    text = changed("PAYMENTS_URL = { remove = true }", "PAYMENTS_URL = { remove = 1 }")
    with pytest.raises(ConfigError, match=r"PAYMENTS_URL: must be a string"):
        load(tmp_path, text, Selection(options={"transport": "queue"}))


# ---------------------------------------------------------------- a table in the place of another


def test_replacing_table_takes_the_place_of_the_old_one_whole() -> None:
    base = {"client": {"fields": {"sku": 1, "price": {"int": [1, 2]}}, "timeout_s": 3}}
    overlay = {"client": {"fields": {"replace": True, "total": 4}}}
    merged = apply(base, overlay, Place("f"), removed=set())
    assert merged == {"client": {"fields": {"total": 4}, "timeout_s": 3}}


def test_replacing_table_may_stand_where_nothing_stood_and_hold_others_that_replace() -> None:
    overlay = {"workers": {"replace": True, "a": {"env": {"replace": True, "X": "1"}}}}
    merged = apply({}, overlay, Place("f"), removed=set())
    assert merged == {"workers": {"a": {"env": {"X": "1"}}}}


def test_later_overlay_may_remove_what_an_earlier_one_replaced() -> None:
    removed: set[tuple[str, ...]] = set()
    base = {"env": {"A": "1", "B": "2"}}
    replaced = apply(base, {"env": {"replace": True, "B": "3"}}, Place("f"), removed=removed)
    removal = {"env": {"A": {"remove": True}}}
    assert apply(replaced, removal, Place("f"), removed=removed) == {"env": {"B": "3"}}


# ---------------------------------------------------------------- variants of one workload

BOUND = changed('bug = "S3"', 'bug = "S3"\nworkload = "large"')
NAMED = changed('title = "A shop"', 'title = "A shop"\nworkload = "small"')


def test_variant_of_a_workload_brings_it_along(tmp_path: Path) -> None:
    shop = load(tmp_path, BOUND, Selection(variant="careless"))
    assert shop.workload == "large"
    assert shop.client.fields["quantity"] == IntField(low=10, high=30)
    again = load(tmp_path, BOUND, Selection(variant="careless", workload="large"))
    assert again.tables == shop.tables


def test_base_has_a_name_that_may_be_chosen(tmp_path: Path) -> None:
    shop = load(tmp_path, NAMED, Selection(workload="small"))
    assert shop.workload is None
    assert shop.client == load(tmp_path, NAMED).client
    assert list(shop.workloads) == ["small", "large"]
    assert shop.workloads["small"].title == "A shop"


def test_variant_is_refused_with_another_workload_than_its_own(tmp_path: Path) -> None:
    # Where the base has a name, a variant that says nothing is one of the base.
    with pytest.raises(ConfigError, match='of the workload "small"') as caught:
        load(tmp_path, NAMED, Selection(variant="careless", workload="large"))
    assert "--workload small" in caught.value.hint
    text = changed(
        "[workloads.large]", "[workloads.huge.client]\ntimeout_s = 9\n[workloads.large]", BOUND
    )
    with pytest.raises(ConfigError, match='of the workload "large"'):
        load(tmp_path, text, Selection(variant="careless", workload="huge"))
