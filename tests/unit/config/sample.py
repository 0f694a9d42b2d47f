"""A small system in one text, and ways to load it changed."""

from pathlib import Path

from dtx.config.loader import BASE, load_system
from dtx.config.model import Selection, System

TEXT = """
[system]
title = "A shop"

[databases.orders-db]
kind = "postgres"
schema = "orders.sql"
observe = { effects = "select 1", pending = "select 2" }
residue = { unsent = "select count(*) from outbox" }

[databases.payments-db]
kind = "postgres"
observe = { effects = "select 3" }

[workers.orders]
command = ["{python}", "-m", "orders", "--port", "{PORT}"]
role = "coordinator"
http = true
crash_points = ["before-log", "after-log"]
durable = ["journal.log", "wal/*.log"]
[workers.orders.env]
DATABASE_URL = "{databases.orders-db.url}"
PAYMENTS_URL = "{workers.payments.url}"
STYLE = "{{plain}}"

[workers.payments]
command = ["./payments"]
http = true
ready = "/ready"
ready_within_s = 5
env = { JDBC = "{databases.payments-db.jdbc}", LISTEN = "127.0.0.1:{PORT}" }

[workers.relay]
command = ["./relay", "{databases.orders-db.host}"]
calls_seldom = ["orders-db"]

[client]
timeout_s = 2.5
ok = [201]
fail = [409, 422]
accepted = [202]
participants = { orders-db = 1, payments-db = "{price} * {quantity}" }
[client.request]
url = "{workers.orders.url}/orders"
json = { tx = "{tx}", note = "order of {quantity}", lines = [{ price = "{price}" }] }
[client.outcome]
url = "{workers.orders.url}/transactions/{tx}"
ok = "status == 'CONFIRMED'"
fail = "status == 'REJECTED'"
[client.fields]
sku = { choice = ["apple", "pear"], weights = [3, 1] }
price = { choice = [5, 7] }
quantity = { int = [1, 3] }

[contract]
atomic = true
durable = true
converges_within_s = 10
[[contract.invariants]]
name = "sums agree"
left = { database = "orders-db", sql = "select 4" }
right = { database = "payments-db", sql = "select 5" }
compare = ">="
[[contract.invariants]]
name = "none negative"
left = { database = "orders-db", sql = "select 6" }
right = 0

[options.transport]
default = "http"
[options.transport.values.queue.workers.orders.env]
TRANSPORT = "queue"
PAYMENTS_URL = { remove = true }

[workloads.large]
client.fields.quantity = { int = [10, 30] }
workers.orders.env.SIZE = "workload"

[variants.careless]
title = "does not look"
bug = "S3"
breaks = ["exactly-once", "atomicity"]
exposed_by = ["lose-reply"]
workers.orders.command = ["./careless"]
workers.orders.env.SIZE = "variant"
"""


def changed(old: str, new: str, text: str = TEXT) -> str:
    """Return the text with its one `old` replaced, so that no test changes nothing."""
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the sample"
    return text.replace(old, new)


def write(folder: Path, text: str = TEXT) -> Path:
    """Write the system and its schema into a folder `shop`."""
    shop = folder / "shop"
    shop.mkdir(exist_ok=True)
    (shop / "system.toml").write_text(text, encoding="utf-8")
    (shop / "orders.sql").touch()
    return shop


def load(folder: Path, text: str = TEXT, selection: Selection = BASE) -> System:
    """Write and load."""
    return load_system(write(folder, text), selection)
