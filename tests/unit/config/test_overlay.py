"""Overlays: order, merging, removal, and what stays in the resolved tables."""

from pathlib import Path

import pytest

from dtx.config.model import IntField, Selection
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
