"""Every wrong file is refused with its key, what is wrong, what is allowed, and the nearest match."""

from pathlib import Path

import pytest

from dtx.config.loader import load_system
from dtx.config.model import Selection
from dtx.core.errors import ConfigError
from dtx.core.exit_codes import ExitCode
from tests.unit.config.sample import TEXT, changed, load

# (what stands there, what stands there instead, the key path, words of the message, words of the hint)
# fmt: off
WRONG = {
    "unknown section": ('[contract]\n', '[kontract]\na = 1\n[contract]\n', "kontract", "unknown key; allowed here: system,", '"contract"'),
    "unknown worker key": ('[workers.orders]\n', '[workers.orders]\nrolle = 1\n', "workers.orders.rolle", "unknown key", '"role"'),
    "unknown database key": ('[databases.payments-db]\nkind = "postgres"', '[databases.payments-db]\nkind = "postgres"\nshema = \'a\'', "databases.payments-db.shema", "allowed here: schema", '"schema"'),
    "unknown shape": ('effects = "select 3"', 'effect = "select 3"', "databases.payments-db.observe.effect", "unknown key", '"effects"'),
    "unknown client key": ("fail = [409, 422]", "failed = [409]", "client.failed", "unknown key", '"fail"'),
    "unknown request key": ('url = "{workers.orders.url}/orders"', 'url = "{workers.orders.url}/orders"\nheader = 1', "client.request.header", "unknown key", ""),
    "unknown contract key": ("durable = true", "durrable = true", "contract.durrable", "unknown key", '"durable"'),
    "unknown system key": ('title = "A shop"', 'title = "A shop"\nversion = 1', "system.version", "unknown key", ""),
    "unknown option key": ('default = "http"', 'default = "http"\nvalue = 1', "options.transport.value", "unknown key", '"values"'),
    "unknown variant key": ('bug = "S3"', 'bugs = "S3"', "variants.careless.bugs", "unknown key", '"bug"'),
    "brokers": ('[contract]\n', "[brokers.bus]\nkind = 'kafka'\n[contract]\n", "brokers", "brings up no brokers", ""),
    "worker image": ('[workers.orders]\n', "[workers.orders]\nimage = 'a'\n", "workers.orders.image", "give a command", ""),
    "prepared query": ('effects = "select 3"', 'effects = "select 3", prepared = \'a\'', "databases.payments-db.observe.prepared", "itself", ""),
    "keys of an unknown database": ("[client.fields]", '[client.keys]\npayment-db = "sku"\n[client.fields]', "client.keys.payment-db", "there is no database", '"payments-db"'),
    "keys of an unknown field": ("[client.fields]", '[client.keys]\npayments-db = ["quantity", "sqku"]\n[client.fields]', "client.keys.payments-db[1]", "there is no field", '"sku"'),
    "no keys": ("[client.fields]", '[client.keys]\npayments-db = []\n[client.fields]', "client.keys.payments-db", "must not be empty", ""),
    "missing title": ('title = "A shop"', "", "system", 'the key "title" is missing', ""),
    "empty setup": ('title = "A shop"', 'title = "A shop"\nsetup = " "', "system.setup", "must not be empty", ""),
    "missing command": ('command = ["./payments"]', 'comand = ["./payments"]', "workers.payments", 'the key "command" is missing', 'write "command" for "comand"'),
    "missing kind": ('kind = "postgres"\nobserve', "observe", "databases.payments-db", 'the key "kind" is missing', ""),
    "missing ok": ('ok = [201]\n', "", "client", 'the key "ok" is missing', ""),
    "missing breaks": ('breaks = ["exactly-once", "atomicity"]\n', "", "variants.careless", 'the key "breaks" is missing', ""),
    "missing exposed_by": ('exposed_by = ["lose-reply"]\n', "", "variants.careless", "exposed_by", ""),
    "missing option default": ('default = "http"', "", "options.transport", 'the key "default" is missing', ""),
    "missing query": ('left = { database = "orders-db", sql = "select 4" }\n', "", "contract.invariants[0]", 'the key "left" is missing', ""),
    "missing sql": (', sql = "select 4"', "", "contract.invariants[0].left", 'the key "sql" is missing', ""),
    "flag as string": ("atomic = true", 'atomic = "yes"', "contract.atomic", 'must be true or false, not "yes"', ""),
    "flag as number": ("atomic = true", "atomic = 1", "contract.atomic", "must be true or false, not 1", ""),
    "text as number": ('STYLE = "{{plain}}"', "STYLE = 5", "workers.orders.env.STYLE", "must be a string, not 5", 'write it in quotes: "5"'),
    "array as text": ('command = ["./payments"]', 'command = "./payments"', "workers.payments.command", "must be an array", ""),
    "table as text": ('observe = { effects = "select 3" }', "observe = 'a'", "databases.payments-db.observe", "must be a table", ""),
    "array item": ("ok = [201]", 'ok = ["201"]', "client.ok[0]", "must be a whole number", ""),
    "number as text": ("timeout_s = 2.5", 'timeout_s = "2"', "client.timeout_s", "must be a number", ""),
    "number as flag": ("timeout_s = 2.5", "timeout_s = true", "client.timeout_s", "must be a number, not true", ""),
    "date": ("timeout_s = 2.5", "timeout_s = 2026-01-01", "client.timeout_s", "date or time", ""),
    "not finite": ("timeout_s = 2.5", "timeout_s = inf", "client.timeout_s", "not a finite number", ""),
    "65 bits": ("int = [1, 3]", "int = [1, 9223372036854775808]", "client.fields.quantity.int[1]", "does not fit 64 bits", ""),
    "NUL": ('command = ["./payments"]', 'command = ["./pay\\u0000"]', "workers.payments.command[0]", "NUL", ""),
    "deep": ('STYLE = "{{plain}}"', "STYLE.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a = 1", "workers", "nested too deep", ""),
    "zero timeout": ("timeout_s = 2.5", "timeout_s = 0", "client.timeout_s", "more than 0", ""),
    "negative timeout": ("timeout_s = 2.5", "timeout_s = -1", "client.timeout_s", "more than 0", ""),
    "zero readiness": ("ready_within_s = 5", "ready_within_s = 0", "workers.payments.ready_within_s", "more than 0", ""),
    "endless convergence": ("converges_within_s = 10", "converges_within_s = 1e9", "contract.converges_within_s", "at most 3600 s", ""),
    "status 500": ("fail = [409, 422]", "fail = [500]", "client.fail[0]", "must be from 200 to 499, not 500", ""),
    "status twice": ("fail = [409, 422]", "fail = [201]", "client.fail[0]", "201 already stands in ok", ""),
    "no status": ("ok = [201]", "ok = []", "client.ok", "must not be empty", ""),
    "empty command": ('command = ["./payments"]', "command = []", "workers.payments.command", "must not be empty", ""),
    "empty sql": ('effects = "select 3"', 'effects = " "', "databases.payments-db.observe.effects", "must not be empty", ""),
    "unknown kind": ('[databases.payments-db]\nkind = "postgres"', '[databases.payments-db]\nkind = "postgre"', "databases.payments-db.kind", "allowed: postgres", '"postgres"'),
    "unknown checker": ('"atomicity"]', '"atomicty"]', "variants.careless.breaks[1]", 'no checker "atomicty"; allowed: atomicity,', '"atomicity"'),
    "checker twice": ('"atomicity"]', '"exactly-once"]', "variants.careless.breaks[1]", "twice", ""),
    "no fault": ('["lose-reply"]', "[]", "variants.careless.exposed_by", "must not be empty", ""),
    "unknown method": ("[client.request]", '[client.request]\nmethod = "post"', "client.request.method", "allowed: POST", '"POST"'),
    "unknown comparison": ('compare = ">="', 'compare = "=="', "contract.invariants[0].compare", "allowed: =, <=", '"="'),
    "isolation": ("durable = true", 'durable = true\nisolation = "serialisable"', "contract.isolation", "allowed: none, semantic-lock, read-committed, serializable", '"serializable"'),
    "right side": ("right = 0", "right = 1.5", "contract.invariants[1].right", "a query", ""),
    "right flag": ("right = 0", "right = true", "contract.invariants[1].right", "a query", ""),
    "invariant twice": ('name = "none negative"', 'name = "sums agree"', "contract.invariants[1].name", "names two", ""),
    "invariant of no database": ('left = { database = "orders-db", sql = "select 4"', 'left = { database = "order-db", sql = "s"', "contract.invariants[0].left.database", "no database", '"orders-db"'),
    "participant that is no database": ("participants = { orders-db = 1", "participants = { orders = 1", "client.participants.orders", 'no database "orders"; allowed: orders-db', '"orders-db"'),
    "participant that says nothing": ('observe = { effects = "select 3" }\n', "", "client.participants.payments-db", "nothing says", "effects"),
    "no participants": ('participants = { orders-db = 1, payments-db = "{price} * {quantity}" }', "participants = {}", "client.participants", "must name one", ""),
    "amount with unknown field": ('"{price} * {quantity}"', '"{price} * {count}"', "client.participants.payments-db", 'no field "count"', ""),
    "amount of text": ('"{price} * {quantity}"', '"{sku}"', "client.participants.payments-db", "not always a whole number", ""),
    "amount of some text": ("choice = [5, 7]", "choice = [5, 'x']", "client.participants.payments-db", "not always a whole number", ""),
    "unknown field in body": ('note = "order of {quantity}"', 'note = "order of {quantty}"', "client.request.json.note", "no such field; allowed: tx, sku", '"quantity"'),
    "node in body": ('note = "order of {quantity}"', 'note = "{workers.orders.url}"', "client.request.json.note", "only fields can stand here", ""),
    "unknown field in URL": ("/transactions/{tx}", "/transactions/{txx}", "client.outcome.url", "no such field", '"tx"'),
    "client beside the proxies": ('url = "{workers.orders.url}/orders"', 'url = "http://127.0.0.1/orders"', "client.request.url", "refers to no worker", ""),
    "one URL of two beside the proxies": ('url = "{workers.orders.url}/orders"', 'url = ["{workers.orders.url}/orders", "http://127.0.0.1/orders"]', "client.request.url[1]", "refers to no worker", ""),
    "URL twice": ('url = "{workers.orders.url}/orders"', 'url = ["{workers.orders.url}/orders", "{workers.orders.url}/orders"]', "client.request.url[1]", "twice", ""),
    "no URL": ('url = "{workers.orders.url}/orders"', "url = []", "client.request.url", "must not be empty", ""),
    "URL of a number": ('url = "{workers.orders.url}/orders"', "url = 5", "client.request.url", "must be a string", ""),
    "unknown field in the second URL": ('url = "{workers.orders.url}/transactions/{tx}"', 'url = ["{workers.orders.url}/{tx}", "{workers.payments.url}/{txx}"]', "client.outcome.url[1]", "no such field", '"tx"'),
    "client to database": ('url = "{workers.orders.url}/orders"', 'url = "{databases.orders-db.url}"', "client.request.url", "can't be referred to here; allowed: workers", ""),
    "accepted without outcome": ("[client.outcome]", "[contract.outcome]", "client.accepted", "nothing says how to ask", "outcome"),
    "JMESPath": ('ok = "status == \'CONFIRMED\'"', 'ok = "status = \'CONFIRMED\'"', "client.outcome.ok", "is not JMESPath", ""),
    "JMESPath too long": ("ok = \"status == 'CONFIRMED'\"", f"ok = '{'a' * 501}'", "client.outcome.ok", "at most 500 characters", ""),
    "JMESPath function": ('ok = "status == \'CONFIRMED\'"', 'ok = "lenght(status) > `1`"', "client.outcome.ok", "no function", '"length"'),
    "tx as field": ("sku = { choice", "tx = { choice", "client.fields.tx", "dtx gives", ""),
    "field name": ("sku = { choice", "the-sku = { choice", "client.fields.the-sku", "can't be a field", ""),
    "no generator": ('sku = { choice = ["apple", "pear"], weights = [3, 1] }', "sku = {}", "client.fields.sku", "one of: choice, int, match", ""),
    "two generators": ("quantity = { int = [1, 3] }", "quantity = { int = [1, 3], choice = [1] }", "client.fields.quantity", "one of: choice, int", ""),
    "empty choice": ("choice = [5, 7]", "choice = []", "client.fields.price.choice", "must not be empty", ""),
    "choice of tables": ("choice = [5, 7]", "choice = [{}]", "client.fields.price.choice[0]", "must be a string, a number", ""),
    "reversed range": ("quantity = { int = [1, 3] }", "quantity = { int = [3, 1] }", "client.fields.quantity.int", "3 is more than 1", ""),
    "half a range": ("quantity = { int = [1, 3] }", "quantity = { int = [3] }", "client.fields.quantity.int", "[least, greatest]", ""),
    "match of no field": ("quantity = { int = [1, 3] }", 'quantity = { match = "skuu", values = { apple = 1, pear = 2 } }', "client.fields.quantity.match", 'no field "skuu"; allowed: sku', '"sku"'),
    "match of a number": ("quantity = { int = [1, 3] }", 'quantity = { match = "price", values = { 5 = 1, 7 = 2 } }', "client.fields.quantity.match", "must be a choice of strings", ""),
    "match without values": ("quantity = { int = [1, 3] }", 'quantity = { match = "sku" }', "client.fields.quantity", 'the key "values" is missing', ""),
    "match with a gap": ("quantity = { int = [1, 3] }", 'quantity = { match = "sku", values = { apple = 1 } }', "client.fields.quantity.values", 'nothing is said for "pear"', ""),
    "match of what never comes": ("quantity = { int = [1, 3] }", 'quantity = { match = "sku", values = { apple = 1, pear = 2, pears = 3 } }', "client.fields.quantity.values.pears", '"sku" is never "pears"', '"pear"'),
    "weights of a match": ("quantity = { int = [1, 3] }", 'quantity = { match = "sku", values = { apple = 1, pear = 2 }, weights = [1, 2] }', "client.fields.quantity.weights", "belong to a choice", ""),
    "matched text as an amount": ("quantity = { int = [1, 3] }", 'quantity = { match = "sku", values = { apple = 1, pear = "two" } }', "client.participants.payments-db", "not always a whole number", ""),
    "side without queries": ("right = 0", "right = []", "contract.invariants[1].right", "must not be empty", ""),
    "weights of a range": ("quantity = { int = [1, 3] }", "quantity = { int = [1, 3], weights = [1] }", "client.fields.quantity.weights", "belong to a choice", ""),
    "too few weights": ("weights = [3, 1]", "weights = [3]", "client.fields.sku.weights", "must have 2 weights", ""),
    "weight 0": ("weights = [3, 1]", "weights = [3, 0]", "client.fields.sku.weights[1]", "more than 0", ""),
    "dangling worker": ("{workers.payments.url}", "{workers.paymens.url}", "workers.orders.env.PAYMENTS_URL", 'no worker "paymens"; allowed: orders', '"payments"'),
    "dangling database": ("{databases.payments-db.jdbc}", "{databases.payment-db.jdbc}", "workers.payments.env.JDBC", 'no database "payment-db"', '"payments-db"'),
    "dangling in command": ('"{databases.orders-db.host}"', '"{databases.x.host}"', "workers.relay.command[1]", 'no database "x"', ""),
    "reference of the wrong kind": ("{workers.payments.url}", "{databases.payments.url}", "workers.orders.env.PAYMENTS_URL", 'no database "payments"', "{workers.payments.url}"),
    "reference of no kind": ("{workers.payments.url}", "{worker.payments.url}", "workers.orders.env.PAYMENTS_URL", "allowed: databases, workers", '"workers"'),
    "unknown database field": ("{databases.payments-db.jdbc}", "{databases.payments-db.jdb}", "workers.payments.env.JDBC", "allowed: url, host", '"jdbc"'),
    "unknown worker field": ("{workers.payments.url}", "{workers.payments.jdbc}", "workers.orders.env.PAYMENTS_URL", "allowed: url, host, port", ""),
    "unknown plain field": ('LISTEN = "127.0.0.1:{PORT}"', 'LISTEN = "127.0.0.1:{PRT}"', "workers.payments.env.LISTEN", "no such field; allowed: python, folder, data, PORT", '"PORT"'),
    "port without http": ('"{databases.orders-db.host}"', '"{PORT}"', "workers.relay.command[1]", "http = true", ""),
    "worker that does not listen": ("{workers.payments.url}", "{workers.relay.url}", "workers.orders.env.PAYMENTS_URL", "listens nowhere", "http = true"),
    "reference to itself": ("{workers.payments.url}", "{workers.orders.url}", "workers.orders.env.PAYMENTS_URL", "refer to itself", "{PORT}"),
    "lone brace": ('STYLE = "{{plain}}"', 'STYLE = "{plain"', "workers.orders.env.STYLE", 'a lone "{"', "{{"),
    "lone closing brace": ('STYLE = "{{plain}}"', 'STYLE = "plain}"', "workers.orders.env.STYLE", 'a lone "}"', "}}"),
    "half a reference": ('STYLE = "{{plain}}"', 'STYLE = "{workers.payments}"', "workers.orders.env.STYLE", "is no reference", "{kind.name.field}"),
    "variable name": ("STYLE = ", '"A=B" = ', 'workers.orders.env."A=B"', "can't be the name of a variable", ""),
    "variable of dtx": ("STYLE = ", "DTX_CRASH_FILE = ", "workers.orders.env.DTX_CRASH_FILE", "given by dtx", ""),
    "ready without http": ('"{databases.orders-db.host}"]', '"a"]\nready = "/ready"', "workers.relay.ready", "http = true", ""),
    "ready is no path": ('ready = "/ready"', 'ready = "ready"', "workers.payments.ready", "begins with /", ""),
    "crash point twice": ('"after-log"', '"before-log"', "workers.orders.crash_points[1]", "twice", ""),
    "crash point name": ('"after-log"', '"after log"', "workers.orders.crash_points[1]", "can't be a name", ""),
    "seldom called and no link": ('ready = "/ready"', 'ready = "/ready"\ncalls_seldom = ["payments-dc"]', "workers.payments.calls_seldom[0]", "payments has no link to \"payments-dc\"; allowed: payments-db", '"payments-db"'),
    "seldom called twice": ('ready = "/ready"', 'ready = "/ready"\ncalls_seldom = ["payments-db", "payments-db"]', "workers.payments.calls_seldom[1]", "twice", ""),
    "durable outside": ('ready = "/ready"', 'ready = "/ready"\ndurable = ["../log"]', "workers.payments.durable[0]", "must lie in the worker's data folder", "{data}"),
    "durable absolute": ('ready = "/ready"', 'ready = "/ready"\ndurable = ["/var/log"]', "workers.payments.durable[0]", "must lie in", "{data}"),
    "durable twice": ('ready = "/ready"', 'ready = "/ready"\ndurable = ["a", "a"]', "workers.payments.durable[1]", "twice", ""),
    "durable empty": ('ready = "/ready"', 'ready = "/ready"\ndurable = []', "workers.payments.durable", "must not be empty", ""),
    "variable of dtx's data": ("STYLE = ", "DTX_DATA_DIR = ", "workers.orders.env.DTX_DATA_DIR", "given by dtx", ""),
    "worker name": ("[workers.relay]", "[workers.Relay]", "workers.Relay", "can't be a name: lower-case", ""),
    "reserved name": ("[workers.relay]", "[workers.client]", "workers.client", "reserved", ""),
    "name of two kinds": ("[workers.relay]", "[workers.orders-db]", "workers.orders-db", "already the name of a database", ""),
    "role that is a node": ('[workers.relay]', '[workers.coordinator]', "workers.orders.role", "already the name", ""),
    "unknown role": ('role = "coordinator"', 'role = "boss"', "workers.orders.role", 'no role "boss"; allowed: coordinator', ""),
    "role with a slip": ('role = "coordinator"', 'role = "cordinator"', "workers.orders.role", 'no role "cordinator"', '"coordinator"'),
    "variant without overlay": ('workers.orders.command = ["./careless"]\nworkers.orders.env.SIZE = "variant"', "", "variants.careless", "changes nothing", ""),
    "variant of no workload": ('bug = "S3"', 'bug = "S3"\nworkload = "larg"', "variants.careless.workload", 'no workload "larg"; allowed: large', '"large"'),
    "base as an overlay": ('title = "A shop"', 'title = "A shop"\nworkload = "large"', "workloads.large.client", "unknown key", ""),
    "overlay of an offer": ('workers.orders.env.SIZE = "workload"', "variants.a.title = 'a'", "workloads.large.variants", "unknown key", ""),
}
# fmt: on


@pytest.mark.parametrize("case", WRONG)
def test_wrong_file_is_refused_with_its_key_and_the_nearest_match(
    tmp_path: Path, case: str
) -> None:
    old, new, key, words, hint = WRONG[case]
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, changed(old, new))
    assert f"system.toml: {key}: " in caught.value.message
    assert words in caught.value.message
    assert hint in caught.value.hint
    assert bool(hint) or "did you mean" not in caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint
    assert caught.value.exit_code is ExitCode.USAGE


MALFORMED = {
    "no value": ("title =\n", 1, 8),
    "no equals sign": ('[system]\ntitle "A"', 2, 7),
    "end of the file": ('[system]\ntitle = "A', 2, 11),
    "name twice": ("[workers.a]\n[workers.a]\n", 2, 11),
    "not UTF-8": ("a = 1\nb = '\udcff'", 2, 6),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_toml_is_refused_with_line_and_column(tmp_path: Path, case: str) -> None:
    text, line, column = MALFORMED[case]
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "system.toml").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ConfigError, match=rf"system\.toml:{line}:{column}: not "):
        load_system(tmp_path / "shop")


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, f"a = {'9' * 5000}"])
def test_toml_that_the_parser_gives_up_on_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"system\.toml: not TOML that can be read"):
        load(tmp_path, text)


@pytest.mark.parametrize(
    ("selection", "words", "hint"),
    [
        (Selection(workload="lage"), 'no workload "lage"; allowed: large', '"large"'),
        (Selection(variant="carefree"), 'no variant "carefree"; allowed: careless', ""),
        (
            Selection(options={"transprt": "a"}),
            'no option "transprt"; allowed: transport',
            '"transport"',
        ),
        (
            Selection(options={"transport": "quue"}),
            'no value "quue"; allowed: http, queue',
            '"queue"',
        ),
    ],
)
def test_choice_that_the_file_does_not_offer_is_refused(
    tmp_path: Path, selection: Selection, words: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, selection=selection)
    assert words in caught.value.message
    assert hint in caught.value.hint


def test_choice_from_a_file_that_offers_nothing_says_so(tmp_path: Path) -> None:
    text = TEXT[: TEXT.index("[options.transport]")]
    with pytest.raises(ConfigError, match='no variant "a"; there are none'):
        load(tmp_path, text, Selection(variant="a"))


def test_error_in_merged_tables_names_what_was_chosen(tmp_path: Path) -> None:
    text = changed('workers.orders.command = ["./careless"]', "workers.orders.command = 1")
    load(tmp_path, text)
    with pytest.raises(
        ConfigError, match=r"system\.toml \(variant careless\): workers\.orders\.command: must"
    ):
        load(tmp_path, text, Selection(variant="careless"))


def test_unknown_sections_are_told_where_one_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, changed("[system]", "[queues]\n[sytem]"))
    assert 'the key "system" is missing; unknown: "queues", "sytem"; ' in caught.value.message
    assert "allowed here: system, databases, workers" in caught.value.message
    assert caught.value.hint == 'write "system" for "sytem"'
