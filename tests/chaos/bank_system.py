"""Two banks that move money without any isolation: taken at one, given at the other a moment later, or put back."""

from pathlib import Path

SYSTEM = """
[system]
title = "Two banks"

[databases.left-db]
kind = "postgres"
schema = "bank.sql"
observe = { effects = "select tx, step, effect, amount, pg_xact_commit_timestamp(xmin) from effects" }
[databases.right-db]
kind = "postgres"
schema = "bank.sql"
observe = { effects = "select tx, step, effect, amount, pg_xact_commit_timestamp(xmin) from effects" }

[workers.bank]
command = ["{python}", "-I", "bank.py"]
http = true
[workers.bank.env]
LEFT = "{databases.left-db.url}"
RIGHT = "{databases.right-db.url}"

[client]
ok = [201]
fail = [409]
participants = { left-db = "0 - {amount}", right-db = "{amount}" }
[client.request]
url = "{workers.bank.url}/transfer"
json = { tx = "{tx}", amount = "{amount}" }
[client.fields]
amount = { int = [1, 9] }

[readers.audit]
every_s = 0.05
timeout_s = 0.3
sum = 2000
[[readers.audit.reads]]
participant = "left-db"
request = { url = "{workers.bank.url}/left" }
value = "balance"
seen = "transactions[].tx"
pending = "transactions[?!final].tx"
[[readers.audit.reads]]
participant = "right-db"
request = { url = "{workers.bank.url}/right" }
value = "balances"
seen = "transactions[].tx"

[contract]
atomic = true
durable = true
exactly_once = true
compensates = true
isolation = "none"
converges_within_s = 10

[variants.boastful]
breaks = ["isolation"]
exposed_by = ["none"]
contract.isolation = "read-committed"
"""

SCHEMA = """
create table effects (tx text, step text, effect text, amount bigint);
create table open_transfers (tx text primary key);
"""

BANK = """
import http.server, json, os, time
import psycopg

SEEN = '''
    select coalesce(sum(case effect when 'applied' then amount else -amount end), 0),
        coalesce(json_agg(json_build_object('tx', tx, 'final', not exists (
            select from open_transfers o where o.tx = e.tx)))
            filter (where not exists (select from effects u where u.tx = e.tx and u.effect = 'undone')), '[]')
    from effects e
'''

def write(side, tx, effect, amount, *more):
    with psycopg.connect(os.environ[side], connect_timeout=5) as db:
        db.execute("insert into effects values (%s, 'move', %s, %s)", (tx, effect, amount))
        for statement in more:
            db.execute(statement, (tx,))

CLOSE = "delete from open_transfers where tx = %s"

def transfer(tx, amount):
    write("LEFT", tx, "applied", -amount, "insert into open_transfers values (%s)")
    time.sleep(0.05)  # what makes the gap wide enough to be looked into
    if amount % 2:
        write("LEFT", tx, "undone", -amount, CLOSE)
        return 409
    write("RIGHT", tx, "applied", amount)
    with psycopg.connect(os.environ["LEFT"], connect_timeout=5) as db:
        db.execute(CLOSE, (tx,))
    return 201

class Bank(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/healthz":
            return self.answer(200, {})
        with psycopg.connect(os.environ[self.path[1:].upper()], connect_timeout=5) as db:
            moved, transactions = db.execute(SEEN).fetchone()
        balance = 1000 + int(moved)
        self.answer(200, {"balance": balance, "balances": {"all": balance}, "transactions": transactions})

    def do_POST(self):
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(transfer(order["tx"], order["amount"]), {})

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128

Server(("127.0.0.1", int(os.environ["PORT"])), Bank).serve_forever()
"""


def write_bank(folder: Path) -> Path:
    """Write the system into `folder`/bank."""
    bank = folder / "bank"
    bank.mkdir()
    for name, content in (("system.toml", SYSTEM), ("bank.sql", SCHEMA), ("bank.py", BANK)):
        (bank / name).write_text(content)
    return bank
