"""A till as a system under test: one database, and one worker that writes a row for each request."""

import contextlib
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from dtx.config.model import Reference, System
from dtx.targets.environment import Environment
from dtx.targets.provision import RuntimeName, provisioned

SYSTEM = """
[system]
title = "A till"

[databases.till-db]
kind = "postgres"
schema = "till.sql"
[databases.till-db.observe]
effects = "select tx, 'pay', 'applied', amount, pg_xact_commit_timestamp(xmin) from payments"
pending = "select tx, since from open_payments"
[databases.till-db.residue]
unsent = "select count(*) from open_payments"

[workers.till]
command = ["{python}", "-I", "till.py"]
http = true
crash_points = ["after-commit"]
[workers.till.env]
DATABASE_URL = "{databases.till-db.url}"

[client]
ok = [201]
fail = [409]
participants = { till-db = 5 }
[client.request]
url = "{workers.till.url}/pay"
json = { tx = "{tx}" }

[contract]
atomic = true
[[contract.invariants]]
name = "nothing is lost"
left = { database = "till-db", sql = "select coalesce(sum(amount), 0) from payments" }
right = 5

[variants.confused]
title = "asks for what is not there"
bug = "none"
breaks = ["atomicity"]
exposed_by = ["none"]
databases.till-db.observe.effects = "select tx, amount from payments"
databases.till-db.observe.pending = "select nothing from nowhere"
databases.till-db.residue.unsent = "select tx from payments"
"""

SCHEMA = """
create table payments (tx text, amount int);
create table open_payments (tx text, since timestamptz not null default now());
"""

TILL = """
import http.server, os, socketserver, psycopg

class Till(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200)

    def do_POST(self):
        tx = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=5) as connection:
            table = "open_payments (tx) values (%s)" if self.path == "/open" else "payments values (%s, 5)"
            connection.execute("insert into " + table, (tx,))
        print("paid", tx, flush=True)
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

Server(("127.0.0.1", int(os.environ["PORT"])), Till).serve_forever()
"""

TILL_URL = Reference(kind="workers", name="till", field="url")
DATABASE_URL = Reference(kind="databases", name="till-db", field="url")


def write_till(folder: Path, changes: Mapping[str, str] | None = None) -> Path:
    """Write the system into `folder`/till, some files with other content."""
    till = folder / "till"
    till.mkdir()
    files = {"system.toml": SYSTEM, "till.sql": SCHEMA, "till.py": TILL} | dict(changes or {})
    for name, content in files.items():
        (till / name).write_text(content)
    return till


@contextlib.contextmanager
def started(system: System, logs: Path) -> Iterator[Environment]:
    with provisioned(system, RuntimeName.LOCAL) as environment:
        environment.start()
        environment.start_workers(logs)
        yield environment


def post(url: str, tx: str, path: str = "/pay") -> int:
    request = urllib.request.Request(f"{url}{path}", data=tx.encode(), method="POST")
    with urllib.request.urlopen(request, timeout=3) as answer:
        return int(answer.status)
