"""The section [readers] and the contract's isolation."""

from pathlib import Path

import pytest

from dtx.chaos.scope import inner_links, links_in
from dtx.config.model import Isolation, Selection
from dtx.core.errors import ConfigError, UsageError
from tests.unit.config.sample import TEXT, changed, load

READERS = """
[readers.sums]
every_s = 0.5
timeout_s = 2
sum = 100
[[readers.sums.reads]]
participant = "orders-db"
request = { url = "{workers.orders.url}/sum" }
value = "total"
seen = "transactions[].tx"
pending = "transactions[?!final].tx"
[[readers.sums.reads]]
participant = "payments-db"
request = { method = "POST", url = "{workers.payments.url}/sum", json = { of = ["all", "{{}}"] } }
value = "balances"
"""
WITH_READERS = changed("\n[contract]\n", f"{READERS}\n[contract]\nisolation = 'semantic-lock'\n")


def test_reader_is_read_whole(tmp_path: Path) -> None:
    reader = load(tmp_path, WITH_READERS).readers["sums"]
    assert (reader.every_s, reader.timeout_s, reader.total) == (0.5, 2, 100)
    first, second = reader.questions
    assert (first.participant, first.value) == ("orders-db", "total")
    assert (first.seen, first.pending) == ("transactions[].tx", "transactions[?!final].tx")
    assert (first.request.method, first.request.json) == ("GET", None)
    assert (second.request.method, second.seen, second.pending) == ("POST", None, None)


def test_reader_has_defaults(tmp_path: Path) -> None:
    text = changed("every_s = 0.5\ntimeout_s = 2\nsum = 100\n", "", WITH_READERS)
    reader = load(tmp_path, text).readers["sums"]
    assert (reader.every_s, reader.timeout_s, reader.total) == (0.1, 3, None)


def test_contract_claims_an_isolation_and_none_by_default(tmp_path: Path) -> None:
    assert load(tmp_path).contract.isolation is Isolation.NONE
    assert load(tmp_path, WITH_READERS).contract.isolation is Isolation.SEMANTIC_LOCK


def test_system_without_readers_has_none(tmp_path: Path) -> None:
    assert load(tmp_path).readers == {}


def test_overlay_adds_and_changes_readers(tmp_path: Path) -> None:
    text = WITH_READERS + "[variants.careless.readers.sums]\nsum = 7\n"
    assert load(tmp_path, text).readers["sums"].total == 100
    assert load(tmp_path, text, Selection(variant="careless")).readers["sums"].total == 7
    added = TEXT + READERS.replace("[readers", "[workloads.large.readers").replace(
        "[[readers", "[[workloads.large.readers"
    )
    assert load(tmp_path, added).readers == {}
    assert list(load(tmp_path, added, Selection(workload="large")).readers) == ["sums"]


def test_links_of_a_reader_are_its_own_and_meant_only_where_it_is_named(tmp_path: Path) -> None:
    system = load(tmp_path, WITH_READERS)
    own = ("sums->orders", "sums->payments")
    assert set(own) < {link.name for link in system.links}
    assert links_in(system, "sums") == links_in(system, "sums->*") == own
    assert links_in(system, "sums->payments") == own[1:]
    for scope in ("*", "payments", "*->payments", "client", "workers"):
        assert not set(own) & set(links_in(system, scope)), scope
    assert not set(own) & set(inner_links(system))
    with pytest.raises(UsageError):
        links_in(system, "sums->orders-db")


# fmt: off
WRONG = {
    "unknown key": ("sum = 100", "total = 100", "readers.sums.total", "unknown key; allowed here: every_s"),
    "unknown key of a read": ('value = "total"', 'value = "total"\nvalu = 1', "readers.sums.reads[0].valu", "unknown key"),
    "no reads": (READERS[READERS.index("[[readers"):], "", "readers.sums", 'the key "reads" is missing'),
    "empty reads": (READERS[READERS.index("[[readers"):], "reads = []\n", "readers.sums.reads", "must not be empty"),
    "no value": ('value = "total"\n', "", "readers.sums.reads[0]", 'the key "value" is missing'),
    "no request": ('request = { url = "{workers.orders.url}/sum" }\n', "", "readers.sums.reads[0]", 'the key "request" is missing'),
    "no participant": ('participant = "orders-db"\n', "", "readers.sums.reads[0]", 'the key "participant" is missing'),
    "unknown participant": ('participant = "orders-db"', 'participant = "order-db"', "readers.sums.reads[0].participant", 'no database "order-db"; allowed: orders-db'),
    "participant twice": ('participant = "payments-db"', 'participant = "orders-db"', "readers.sums.reads[1].participant", "asked twice"),
    "participant without effects": ("[readers.sums]\n", "[databases.a]\nkind = 'postgres'\n[readers.a1]\nreads = [{ participant = 'a', request = { url = '{workers.orders.url}' }, value = 'a', seen = 'b' }]\n[readers.sums]\n", "readers.a1.reads[0].participant", "nothing says what became"),
    "often": ("every_s = 0.5", "every_s = 0.001", "readers.sums.every_s", "at least 0.01 s"),
    "never": ("every_s = 0.5", "every_s = 0", "readers.sums.every_s", "more than 0"),
    "time-out": ("timeout_s = 2\n", "timeout_s = 'a'\n", "readers.sums.timeout_s", "must be a number"),
    "sum": ("sum = 100", "sum = 1.5", "readers.sums.sum", "must be a whole number"),
    "JMESPath": ('value = "total"', 'value = "total["', "readers.sums.reads[0].value", "is not JMESPath"),
    "function": ('value = "total"', 'value = "summe(total)"', "readers.sums.reads[0].value", "no function"),
    "field of a transaction": ("{workers.orders.url}/sum", "{workers.orders.url}/{tx}", "readers.sums.reads[0].request.url", "{tx}: there is no such field; there are none"),
    "address written out": ('"{workers.orders.url}/sum"', '"http://127.0.0.1/"', "readers.sums.reads[0].request.url", "refers to no worker"),
    "two addresses": ('"{workers.orders.url}/sum"', '["{workers.orders.url}/sum", "{workers.payments.url}/sum"]', "readers.sums.reads[0].request.url", "a reader asks one address"),
    "dangling": ("{workers.orders.url}/sum", "{workers.order.url}/sum", "readers.sums.reads[0].request.url", 'no worker "order"'),
    "name of a worker": ("[readers.sums]\n", "[readers.relay]\nreads = [{ participant = 'orders-db', request = { url = '{workers.orders.url}' }, value = 'a' }]\n[readers.sums]\n", "readers.relay", "already the name of a worker"),
    "reserved name": ("[readers.sums]\n", "[readers.client]\nreads = [{ participant = 'orders-db', request = { url = '{workers.orders.url}' }, value = 'a' }]\n[readers.sums]\n", "readers.client", "reserved"),
    "name of a role": ("[readers.sums]\n", "[readers.coordinator]\nreads = [{ participant = 'orders-db', request = { url = '{workers.orders.url}' }, value = 'a' }]\n[readers.sums]\n", "workers.orders.role", "already the name of something else"),
    "no table": (READERS, "readers = 5\n", "readers", "must be a table"),
}
# fmt: on


@pytest.mark.parametrize("case", WRONG)
def test_wrong_reader_is_refused_with_its_key(tmp_path: Path, case: str) -> None:
    old, new, key, words = WRONG[case]
    text = f"{new}{TEXT}" if case == "no table" else changed(old, new, WITH_READERS)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert f"system.toml: {key}: " in caught.value.message
    assert words in caught.value.message
    assert "\n" not in caught.value.message + caught.value.hint
