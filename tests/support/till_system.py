"""The smallest system that commits something: one database, one worker. What is slow or breaks in it is a test's choice."""

from pathlib import Path

SYSTEM = """
[system]
title = "A till"

[databases.till-db]
kind = "postgres"
schema = "till.sql"
[databases.till-db.observe]
effects = "select tx, 'sell', 'applied', 1 from sales"
pending = "select tx from open_sales"

[workers.till]
command = ["{python}", "till.py"]
http = true
ready_within_s = 60
[workers.till.env]
DATABASE_URL = "{databases.till-db.url}"

[client]
ok = [201]
participants = { till-db = 1 }
[client.request]
url = "{workers.till.url}/sales"
json = { tx = "{tx}" }

[contract]
atomic = true
exactly_once = true
converges_within_s = 10
"""

SCHEMA = """
create table sales (tx text primary key, slip text not null default '');
create view open_sales as select tx from sales where false;
"""

PROGRAM = """
import http.server, json, os, sys, time, psycopg

def asked(): pass
def selling(number): pass

class Till(http.server.BaseHTTPRequestHandler):
    sold = 0

    def do_GET(self):
        asked()
        self.answer(200)

    def do_POST(self):
        tx = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["tx"]
        Till.sold += 1
        selling(Till.sold)
        with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=2) as db:
            db.execute("insert into sales (tx) values (%s)", [tx])
        self.answer(201)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Till).serve_forever()
"""

WARM_UP = 10
"""Transactions before the main phase: who dies or stalls at a later one does so in the midst of the run."""


def write_till(
    folder: Path, *, asked: str = "pass", selling: str = "pass", schema: str = ""
) -> Path:
    """Write the system.

    Args:
        folder: is made.
        asked: Python, run at each question whether it is ready.
        selling: Python, run at each sale; `number` counts them from 1.
        schema: SQL behind that of the tables.
    """
    folder.mkdir()
    (folder / "system.toml").write_text(SYSTEM)
    (folder / "till.sql").write_text(SCHEMA + schema)
    program = PROGRAM.replace("asked(): pass", f"asked(): {asked}")
    (folder / "till.py").write_text(program.replace("(number): pass", f"(number): {selling}"))
    return folder
