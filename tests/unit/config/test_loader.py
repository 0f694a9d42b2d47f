"""What a right file becomes."""

import io
import json
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from dtx.config.loader import declared, load_system
from dtx.config.model import (
    ChoiceField,
    DatabaseKind,
    IntField,
    MatchField,
    Query,
    Reference,
    Selection,
    System,
    Template,
    Workload,
)
from dtx.config.system import parse_system
from dtx.core.errors import ConfigError
from dtx.core.observation import Shape
from dtx.report.system_page import print_system, system_document
from tests.unit.config.sample import TEXT, changed, load, write


@pytest.fixture
def shop(tmp_path: Path) -> System:
    return load(tmp_path)


def test_name_and_folder_are_those_of_the_resolved_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write(tmp_path))
    system = load_system(Path())
    assert system.name == "shop"
    assert system.folder == (tmp_path / "shop").resolve()


def test_setup_is_what_the_file_says_and_is_named_on_the_systems_page(
    shop: System, tmp_path: Path
) -> None:
    title = 'title = "A shop"'
    told = load(tmp_path, changed(title, f'{title}\nsetup = "npm ci"'))
    assert (shop.setup, told.setup) == ("", "npm ci")
    with io.StringIO() as file:
        print_system(Console(file=file, width=400), told)
        assert f"to be done once, in {told.folder}: npm ci" in file.getvalue()
    assert system_document(told)["setup"] == "npm ci"


def test_database_has_kind_schema_queries_and_residue(shop: System) -> None:
    database = shop.databases["orders-db"]
    assert database.kind is DatabaseKind.POSTGRES
    assert database.schema == shop.folder / "orders.sql"
    assert database.observe == {Shape.EFFECTS: "select 1", Shape.PENDING: "select 2"}
    assert database.residue == {"unsent": "select count(*) from outbox"}
    assert shop.databases["payments-db"].schema is None


def test_worker_templates_keep_references_and_escaped_braces(shop: System) -> None:
    orders = shop.workers["orders"]
    assert orders.command[4] == Template(parts=(Reference(kind="", name="", field="PORT"),))
    reference = Reference(kind="databases", name="orders-db", field="url")
    assert orders.env["DATABASE_URL"].parts == (reference,)
    assert orders.env["STYLE"].parts == ("{plain}",)
    listen = shop.workers["payments"].env["LISTEN"]
    assert listen.render(lambda _: "8080") == "127.0.0.1:8080"


def test_worker_defaults_depend_on_http(shop: System) -> None:
    assert (shop.workers["orders"].ready, shop.workers["orders"].ready_within_s) == ("/healthz", 20)
    assert (shop.workers["payments"].ready, shop.workers["payments"].ready_within_s) == (
        "/ready",
        5,
    )
    assert shop.workers["relay"].ready is None
    assert not shop.workers["relay"].has_http
    assert shop.workers["orders"].crash_points == ("before-log", "after-log")
    assert shop.workers["orders"].durable == ("journal.log", "wal/*.log")
    assert shop.workers["payments"].durable == ()
    assert shop.workers["relay"].calls_seldom == ("orders-db",)
    assert [link.name for link in shop.links if shop.is_seldom_used(link)] == ["relay->orders-db"]
    assert shop.workers["orders"].role == "coordinator"


def test_every_reference_to_another_node_is_one_link(shop: System) -> None:
    assert [link.name for link in shop.links] == [
        "orders->orders-db",
        "orders->payments",
        "payments->payments-db",
        "relay->orders-db",
        "client->orders",
    ]


def test_client_has_request_statuses_outcome_fields_and_amounts(shop: System) -> None:
    client = shop.client
    assert client.request.method == "POST"
    assert client.request.json["tx"].parts == (Reference(kind="", name="", field="tx"),)
    assert client.request.json["lines"][0]["price"].references[0].field == "price"
    assert (client.ok, client.fail, client.accepted) == ((201,), (409, 422), (202,))
    assert client.timeout_s == 2.5
    assert client.outcome is not None
    assert client.outcome.ok == "status == 'CONFIRMED'"
    assert client.fields["sku"] == ChoiceField(values=("apple", "pear"), weights=(3, 1))
    assert client.fields["quantity"] == IntField(low=1, high=3)
    amounts = {
        name: e.value({"price": 7, "quantity": 3}) for name, e in client.participants.items()
    }
    assert amounts == {"orders-db": 1, "payments-db": 21}


def test_contract_claims_only_what_it_says(shop: System) -> None:
    contract = shop.contract
    assert contract.is_atomic
    assert contract.is_durable
    assert not contract.is_exactly_once
    assert not contract.is_compensating
    assert contract.converges_within_s == 10
    first, second = contract.invariants
    assert first.left == (Query(database="orders-db", sql="select 4"),)
    assert (first.compare, second.compare, second.right) == (">=", "=", 0)


def test_side_of_an_invariant_may_add_up_databases(tmp_path: Path) -> None:
    one, other = (
        '{ database = "orders-db", sql = "select 4" }',
        '{ database = "payments-db", sql = "select 5" }',
    )
    text = changed(f"left = {one}", f"left = [{one}, {other}]")
    first, _ = load(tmp_path, text).contract.invariants
    assert first.left == (
        Query(database="orders-db", sql="select 4"),
        Query(database="payments-db", sql="select 5"),
    )


def test_field_may_follow_from_another_one(tmp_path: Path) -> None:
    text = changed(
        "quantity = { int = [1, 3] }",
        'quantity = { match = "sku", values = { apple = 2, pear = -3 } }',
    )
    shop = load(tmp_path, text)
    assert shop.client.fields["quantity"] == MatchField(of="sku", values={"apple": 2, "pear": -3})
    amount = shop.client.participants["payments-db"]
    assert amount.value({"price": 5, "quantity": -3}) == -15


def test_contract_without_a_time_claims_none(tmp_path: Path) -> None:
    shop = load(tmp_path, changed("converges_within_s = 10\n", ""))
    assert shop.contract.converges_within_s is None


def test_client_without_timeout_and_outcome_has_defaults(tmp_path: Path) -> None:
    text = changed("timeout_s = 2.5\n", "")
    text = changed("accepted = [202]\n", "", text)
    start, end = text.index("[client.outcome]"), text.index("[client.fields]")
    shop = load(tmp_path, text[:start] + text[end:])
    assert shop.client.outcome is None
    assert shop.client.timeout_s == 3


def test_offers_are_listed_whatever_was_chosen(tmp_path: Path) -> None:
    shop = load(tmp_path, selection=Selection(variant="careless"))
    assert shop.workloads == {"large": Workload(name="large", title="")}
    assert shop.options["transport"].values == ("http", "queue")
    assert shop.options["transport"].default == "http"
    variant = shop.variants["careless"]
    assert (variant.title, variant.bug) == ("does not look", "S3")
    assert (variant.breaks, variant.exposed_by) == (("exactly-once", "atomicity"), ("lose-reply",))


def test_declared_reads_offers_though_the_rest_is_wrong(tmp_path: Path) -> None:
    found = declared(
        write(tmp_path, changed('kind = "postgres"\nschema', 'kind = "oracle"\nschema'))
    )
    assert found.title == "A shop"
    assert tuple(found.offers.variants) == ("careless",)
    assert tuple(found.offers.options) == ("transport",)


@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection(workload="large", options={"transport": "queue"}, variant="careless"),
    ],
)
def test_tables_come_back_from_json_as_the_same_system(
    tmp_path: Path, selection: Selection
) -> None:
    shop = load(tmp_path, selection=selection)
    for again in (
        json.loads(json.dumps(shop.tables)),
        msgspec.json.decode(msgspec.json.encode(shop.tables)),
    ):
        assert again == shop.tables
        parsed = parse_system(
            again,
            name="shop",
            folder=shop.folder,
            source="plan.json",
            workload=selection.workload,
        )
        assert parsed == shop


def test_a_plan_is_parsed_where_the_folder_is_not(shop: System) -> None:
    parsed = parse_system(shop.tables, name="shop", folder=Path("/nowhere"), source="plan.json")
    assert parsed.databases["orders-db"].schema == Path("/nowhere/orders.sql")


def test_absent_schema_is_refused_only_by_load(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "orders.sql").unlink()
    with pytest.raises(ConfigError, match=r"databases\.orders-db\.schema: there is no file"):
        load_system(folder)


def test_schema_with_a_name_too_long_is_absent(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no file"):
        load(tmp_path, TEXT.replace("orders.sql", "o" * 5000))


def test_absent_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"system\.toml: can't be read") as caught:
        load_system(tmp_path)
    assert "own-system.md" in caught.value.hint


def test_body_keeps_numbers_and_flags_as_they_are(tmp_path: Path) -> None:
    shop = load(tmp_path, changed('note = "order of {quantity}"', "count = 2, dry = false"))
    assert (shop.client.request.json["count"], shop.client.request.json["dry"]) == (2, False)


def test_outcome_may_use_a_function_of_jmespath(tmp_path: Path) -> None:
    text = changed(
        "ok = \"status == 'CONFIRMED'\"", "ok = \"contains(states, 'DONE') && length(a) > `0`\""
    )
    outcome = load(tmp_path, text).client.outcome
    assert outcome is not None
    assert outcome.ok.startswith("contains(")


def test_client_may_have_several_addresses_each_with_a_link_of_its_own(tmp_path: Path) -> None:
    text = TEXT.replace(
        'url = "{workers.orders.url}/orders"',
        'url = ["{workers.orders.url}/orders", "{workers.payments.url}/orders"]',
    )
    shop = load(tmp_path, text)
    assert [str(part) for url in shop.client.request.urls for part in url.parts[1:]] == [
        "/orders", "/orders",
    ]  # fmt: skip
    assert {link.name for link in shop.links} >= {"client->orders", "client->payments"}
