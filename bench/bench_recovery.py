"""How long 1,000 branches in doubt take after the transaction manager's restart, beside the bare calls that end them.

250 orders are prepared at all four databases, three of PostgreSQL and one of MariaDB, and their decisions are in the
log; their manager is dead. Then it is started, and has to find them, to ask the log, to commit each, to see that every
order's work is everywhere, and to forget it. The bare calls are COMMIT PREPARED and XA COMMIT of as many branches, known
beforehand, from as many connections that are open already, over the same links: both go through Toxiproxy.
"""

import asyncio
import re
import tempfile
import time
from collections.abc import Awaitable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import figures
import psycopg
import pymysql
from closed_loop import database_urls
from figures import Figure

from dtx.config.find import find_system
from dtx.config.loader import load_system
from dtx.config.model import Reference, Selection
from dtx.patterns.common.database import Database
from dtx.patterns.common.mariadb_sessions import MariaDbSession
from dtx.patterns.twophase import order
from dtx.patterns.twophase.decision_log import DecisionLog
from dtx.patterns.twophase.identity import Xid
from dtx.patterns.twophase.order import Order
from dtx.patterns.twophase.resource import Decision
from dtx.targets.environment import Environment
from dtx.targets.provision import RuntimeName, provisioned

GROUP = "shop"
WORK = {"orders-db": order.place, "queue-db": order.publish, "inventory-db": order.reserve}
"""What is done at each PostgreSQL."""

MARIADB = "payments-db"
ORDERS = 250
BRANCHES = ORDERS * (len(WORK) + 1)
CONNECTIONS = 8
"""To each database, as the transaction manager has for ending what is prepared."""

_UNFORGOTTEN = "select count(*) from decisions where decision = 'commit' and forgotten_at is null"

REPETITIONS = 4
GOAL = 2.0
WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds from a restart to the last order forgotten: since the process was started, and since it leads."""

    from_start_s: float
    from_lease_s: float


def to_mariadb(url: str) -> "pymysql.Connection[Any]":
    """Connect as a worker does."""
    parts = urlsplit(url)
    return pymysql.connect(
        host=parts.hostname, port=parts.port or 3306, user=parts.username,
        password=parts.password or "", database=parts.path.lstrip("/"), autocommit=True,
        ssl_disabled=True,
    )  # fmt: skip


class Shop:
    """The databases of 2pc, with a customer and a product for each order, and its manager."""

    def __init__(self, environment: Environment, logs: Path) -> None:
        self._nodes, self._log_file = environment.nodes, logs / "tm.log"
        self.urls = database_urls(environment)
        as_manager = environment.resolver("tm")
        self._linked = {
            name: as_manager(Reference(kind="databases", name=name, field="url"))
            for name in self.urls
        }
        self._round = 0

    def make_room(self) -> None:
        """Let the servers keep so many branches, and let no two orders want the same row."""
        for name in WORK:
            self._rows(name, f"alter system set max_prepared_transactions = {2 * ORDERS}")
            self._nodes.stop(name)
            self._nodes.start(name)
        stocked = f"select 's' || n, 1000000, 1000000 from generate_series(0, {ORDERS - 1}) n"
        self._rows("inventory-db", f"insert into stock (sku, initial, available) {stocked}")
        with to_mariadb(self.urls[MARIADB]) as connection, connection.cursor() as cursor:
            cursor.executemany(
                "insert into accounts (customer, initial, balance) values (%s, 1000000, 1000000)",
                [(f"c{number}",) for number in range(ORDERS)],
            )

    def recovered(self) -> Took:
        """Prepare, start the manager, wait until it has forgotten all, and end it."""
        self._prepare()
        began_s = time.monotonic()
        self._nodes.start("tm")
        self._wait_until_forgotten(began_s + WITHIN_S)
        self._nodes.kill("tm")
        # By the clock of the log, which is this machine's: the start above waits for more than recovery.
        [[ended]] = self._rows(
            "log-db", "select extract(epoch from max(forgotten_at)) from decisions"
        )
        ended_s = float(ended) - (time.time() - time.monotonic())
        self._require_nothing_prepared()
        told = self._log_file.read_text()
        leads_s = max(map(int, re.findall(r"^(\d+) .* leads in epoch", told, re.MULTILINE))) / 1e9
        return Took(ended_s - began_s, ended_s - leads_s)

    def bare(self) -> float:
        """Prepare, and end the branches by the calls alone; return how long these took."""
        self._prepare()
        took_s = asyncio.run(_bare_calls(self._linked, self._branches()))
        self._require_nothing_prepared()
        self._rows("log-db", "update decisions set forgotten_at = clock_timestamp()")
        return took_s

    def _prepare(self) -> None:
        self._round += 1
        [[epoch]] = self._rows("log-db", "select epoch from leases")
        orders = [
            Order(tx=f"d{self._round}-{n}", customer=f"c{n}", sku=f"s{n}", quantity=1, price=1)
            for n in range(ORDERS)
        ]
        asyncio.run(_prepare(self.urls, orders, int(epoch)))
        found = sum(map(len, self._branches().values()))
        if found != BRANCHES:
            raise RuntimeError(f"{found} branches are prepared, not {BRANCHES}")

    def _branches(self) -> dict[str, list[str]]:
        """Return the names of what is prepared, in the servers' own terms."""
        found = {
            name: [
                gid
                for (gid,) in self._rows(
                    name,
                    "select gid from pg_prepared_xacts where database = current_database()",
                )
            ]
            for name in WORK
        }
        with to_mariadb(self.urls[MARIADB]) as connection, connection.cursor() as cursor:
            cursor.execute("xa recover format='SQL'")
            return found | {MARIADB: [str(row[-1]) for row in cursor.fetchall()]}

    def _require_nothing_prepared(self) -> None:
        if left := {name: len(gids) for name, gids in self._branches().items() if gids}:
            raise RuntimeError(f"still prepared: {left}")

    def _wait_until_forgotten(self, deadline: float) -> None:
        """Look at the log through one connection, and seldom: each new one costs what recovery needs."""
        with psycopg.connect(self.urls["log-db"], autocommit=True) as connection:
            while True:
                [[left]] = connection.execute(_UNFORGOTTEN).fetchall()
                if not left:
                    return
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{left} orders are not forgotten")
                time.sleep(0.05)

    def _rows(self, name: str, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.urls[name], autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


async def _prepare(urls: dict[str, str], orders: Sequence[Order], epoch: int) -> None:
    """Leave all orders prepared and decided, their branches named as the transaction manager does, without sessions."""
    named = [(Xid.new(GROUP, work.tx, epoch=epoch), work) for work in orders]

    async def at_postgres(database: str, ahead: Iterator[tuple[Xid, Order]]) -> None:
        name, work_at = database.removesuffix("-db"), WORK[database]
        async with await psycopg.AsyncConnection.connect(urls[database], autocommit=True) as one:
            for xid, work in ahead:
                await one.execute("begin")
                await work_at(one, work)
                await one.execute(f"prepare transaction '{xid}:{name}'".encode())

    def at_mariadb(xid: Xid, work: Order) -> None:
        session = MariaDbSession(urls[MARIADB], within_s=WITHIN_S)
        gid = ",".join(f"X'{p.encode().hex()}'" for p in (str(xid), f"payments.{session.name}"))
        session.execute(f"xa start {gid}")
        order.pay(session, work)
        session.execute(f"xa end {gid}")
        session.execute(f"xa prepare {gid}")
        session.close()

    with ThreadPoolExecutor(CONNECTIONS) as threads:
        loop = asyncio.get_running_loop()
        calls: list[Awaitable[None]] = []
        for database in WORK:
            ahead = iter(named)
            calls += [at_postgres(database, ahead) for _ in range(CONNECTIONS)]
        calls += [loop.run_in_executor(threads, at_mariadb, xid, work) for xid, work in named]
        await asyncio.gather(*calls)
    names = tuple(name.removesuffix("-db") for name in (*WORK, MARIADB))
    async with Database(urls["log-db"]) as decisions, DecisionLog(GROUP, decisions) as log:
        await asyncio.gather(
            *(log.decide(xid, Decision.COMMIT, epoch=epoch, participants=names) for xid, _ in named)
        )


async def _bare_calls(urls: dict[str, str], branches: dict[str, list[str]]) -> float:
    """End the branches, at all databases at once; return how many seconds the calls took."""
    connections = {
        name: [
            await psycopg.AsyncConnection.connect(urls[name], autocommit=True)
            for _ in range(CONNECTIONS)
        ]
        for name in WORK
    }
    sessions = [to_mariadb(urls[MARIADB]) for _ in range(CONNECTIONS)]

    async def postgres(connection: psycopg.AsyncConnection, gids: Iterator[str]) -> None:
        for gid in gids:
            await connection.execute(f"commit prepared '{gid}'".encode())

    def mariadb(session: "pymysql.Connection[Any]", gids: Sequence[str]) -> None:
        with session.cursor() as cursor:
            for gid in gids:
                cursor.execute(f"xa commit {gid}")

    with ThreadPoolExecutor(CONNECTIONS) as threads:
        loop = asyncio.get_running_loop()
        began = time.perf_counter()
        calls: list[Awaitable[None]] = []
        for name, those in connections.items():
            ahead = iter(branches[name])
            calls += [postgres(connection, ahead) for connection in those]
        for number, session in enumerate(sessions):
            gids = branches[MARIADB][number::CONNECTIONS]
            calls.append(loop.run_in_executor(threads, mariadb, session, gids))
        await asyncio.gather(*calls)
        took_s = time.perf_counter() - began
    for connection in chain.from_iterable(connections.values()):
        await connection.close()
    for session in sessions:
        session.close()
    return took_s


def measure() -> Iterator[Figure]:
    with (
        tempfile.TemporaryDirectory() as logs,
        provisioned(load_system(find_system("2pc"), Selection()), RuntimeName.LOCAL) as environment,
    ):
        environment.start(is_reset_later=False)
        shop = Shop(environment, Path(logs))
        shop.make_room()
        environment.start_workers(Path(logs))
        environment.nodes.kill("tm")
        took: list[Took] = []
        bare: list[float] = []
        for _ in range(REPETITIONS):
            bare.append(shop.bare())
            took.append(shop.recovered())
    figure = Figure(
        what=f"2pc, {BRANCHES} branches in doubt, from the lease on",
        values=[one.from_lease_s for one in took],
        unit="s",
        peer="bare COMMIT PREPARED and XA COMMIT",
        peer_values=bare,
        goal=f"{GOAL:.0f} x",
    )
    yield figures.judged(figure, figure.ratio <= GOAL)
    yield replace(
        figure,
        what="the same, from the start of the process",
        values=[one.from_start_s for one in took],
        goal="",
    )


if __name__ == "__main__":
    figures.main(measure, __doc__)
