"""A ledger whose truth is a journal in a file; its table is made anew from the journal at every start."""

from pathlib import Path

SYSTEM = """
[system]
title = "A ledger with a journal"

[databases.ledger-db]
kind = "postgres"
schema = "ledger.sql"
[databases.ledger-db.observe]
effects = "select tx, 'enter', 'applied', 1, pg_xact_commit_timestamp(xmin) from entries"

[workers.ledger]
command = ["{python}", "-I", "ledger.py", "{data}/journal.log", "before-answer"]
http = true
durable = ["journal.log"]
[workers.ledger.env]
DATABASE_URL = "{databases.ledger-db.url}"

[client]
ok = [201]
participants = { ledger-db = 1 }
[client.request]
url = "{workers.ledger.url}/entries"
json = { tx = "{tx}" }

[contract]
atomic = true
durable = true
exactly_once = true
converges_within_s = 5

[variants.never-synced]
title = "the journal is written and never synced"
bug = "X1"
breaks = ["durability"]
exposed_by = ["power-loss"]
workers.ledger.command = ["{python}", "-I", "ledger.py", "{data}/journal.log", "never"]

[variants.synced-now-and-then]
title = "the journal is synced once in a while, not before an answer"
bug = "X1"
breaks = ["durability"]
exposed_by = ["power-loss"]
workers.ledger.command = ["{python}", "-I", "ledger.py", "{data}/journal.log", "now-and-then"]
"""

SCHEMA = "create table entries (tx text primary key);"

LEDGER = """
import http.server, json, os, queue, socketserver, sys, threading, time, psycopg

path, when = sys.argv[1:]
journal = open(path, "ab", buffering=0)
lock = threading.Lock()
lines = [0]
fresh = queue.Queue()

def project():
    session = None
    entered = None
    while True:
        try:
            if session is None:
                session = psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=2)
                with session.transaction():
                    session.execute("delete from entries")
                    for tx in journalled():
                        enter(session, tx)
            entered = entered or fresh.get()
            with session.transaction():
                enter(session, entered)
            entered = None
        except psycopg.OperationalError:
            session = None
            time.sleep(0.1)

def journalled():
    with open(path, "rb") as written:
        return [line.decode().strip() for line in written if line.endswith(b"\\n")]

def enter(session, tx):
    session.execute("insert into entries values (%s) on conflict do nothing", (tx,))

class Ledger(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200)

    def do_POST(self):
        tx = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["tx"]
        with lock:
            journal.write(tx.encode() + b"\\n")
            lines[0] += 1
            if when == "before-answer" or (when == "now-and-then" and lines[0] % 40 == 0):
                os.fsync(journal.fileno())
        fresh.put(tx)
        self.answer(201)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass

class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

threading.Thread(target=project, daemon=True).start()
Server(("127.0.0.1", int(os.environ["PORT"])), Ledger).serve_forever()
"""


def write_ledger(folder: Path) -> Path:
    """Write the system into `folder`/ledger."""
    ledger = folder / "ledger"
    ledger.mkdir()
    files = {"system.toml": SYSTEM, "ledger.sql": SCHEMA, "ledger.py": LEDGER}
    for name, content in files.items():
        (ledger / name).write_text(content)
    return ledger
