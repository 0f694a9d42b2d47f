"""What two-phase commit costs: orders a second, closed loop, beside the same work as local transactions, and beside the disk.

The local transactions do what the transaction manager's branches do, by the same functions at the same four databases:
BEGIN, the work, COMMIT, each database on its own. No PREPARE, no decision, no HTTP and no proxies; of course nothing then
repairs an order that breaks off in its middle.

An order that waits for nobody waits for three forced writes, one after another: the slowest PREPARE, the decision, the
slowest COMMIT. So one client can't have more orders a second than a third of the forced writes that one session makes.
Many clients can: decisions that come while one is being written share the next forced write of the log. How many do is
counted: the log's rows are made to say which transaction wrote them.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import figures
import msgspec
import psycopg
from closed_loop import CLIENTS, Submit, closed_loop, database_urls, order, over_http
from figures import Figure

from dtx.config.find import find_system
from dtx.config.loader import load_system
from dtx.config.model import Reference, Selection
from dtx.patterns.common.database import Connection
from dtx.patterns.common.mariadb_sessions import MariaDbSession
from dtx.patterns.twophase.order import Order, pay, place, publish, reserve
from dtx.patterns.twophase.postgres import PostgresWork
from dtx.targets.environment import Environment
from dtx.targets.provision import RuntimeName, provisioned

REPETITIONS = 2
DURATION_S = 1.5
FORCED_IN_A_ROW = 3
"""PREPARE, decision, COMMIT."""

WITHIN_S = 30.0

COUNTED = "alter table decisions add column written_by xid8 default pg_current_xact_id()"


class Rates:
    """All ways, on the same databases; transaction ids never come again."""

    def __init__(self, environment: Environment) -> None:
        tm = Reference(kind="workers", name="tm", field="url")
        self._url = f"{environment.client_url(tm)}/orders"
        self._urls = database_urls(environment)
        self._round = 0
        self.shared: dict[int, list[float]] = {clients: [] for clients in CLIENTS}
        """Clients -> decisions for each forced write of the log, in each round."""

        with self._log() as log:
            log.execute(COUNTED)

    def two_phase(self, clients: int) -> float:
        """Return orders a second by the transaction manager."""
        self._round += 1
        rate = asyncio.run(over_http(self._url, clients, DURATION_S, f"t{self._round:03d}"))
        with self._log() as log:
            (shared,) = next(
                log.execute(
                    "select count(*)::float / count(distinct written_by) from decisions"
                    " where decision = 'commit' and tx like %s",
                    [f"t{self._round:03d}%"],
                )
            )
        self.shared[clients].append(float(shared))
        return rate

    def local(self, clients: int) -> float:
        """Return orders a second by local transactions."""
        self._round += 1
        return asyncio.run(self._local(clients, f"l{self._round:03d}"))

    async def _local(self, clients: int, name: str) -> float:
        with ThreadPoolExecutor(clients) as threads:
            async with AsyncExitStack() as stack:

                async def client() -> Submit:
                    orders, queue, inventory = [
                        await stack.enter_async_context(
                            await psycopg.AsyncConnection.connect(self._urls[name], autocommit=True)
                        )
                        for name in ("orders-db", "queue-db", "inventory-db")
                    ]
                    session = MariaDbSession(
                        self._urls["payments-db"], within_s=WITHIN_S, lock_within_s=int(WITHIN_S)
                    )
                    stack.callback(session.close)

                    async def submit(number: int) -> bool:
                        work = msgspec.convert(order(f"{name}{number:07d}", number), Order)
                        await asyncio.gather(
                            _at_postgres(orders, place, work),
                            _at_postgres(queue, publish, work),
                            asyncio.get_running_loop().run_in_executor(
                                threads, _at_mariadb, session, work
                            ),
                        )
                        await _at_postgres(inventory, reserve, work)
                        return True

                    return submit

                return await closed_loop([await client() for _ in range(clients)], DURATION_S)

    def forced_by_postgres(self) -> float:
        """Return how many transactions a second one session of the log's server commits: each is a forced write."""
        with self._log() as log:
            log.execute("create table if not exists forced (n bigint)")
            return _a_second(lambda: log.execute("insert into forced values (1)"))

    def forced_by_mariadb(self) -> float:
        """Return the same of MariaDB."""
        session = MariaDbSession(self._urls["payments-db"], within_s=WITHIN_S)
        try:
            session.execute("create table if not exists forced (n bigint)")
            return _a_second(lambda: session.execute("insert into forced values (1)"))
        finally:
            session.close()

    def _log(self) -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(self._urls["log-db"], autocommit=True)


async def _at_postgres(connection: Connection, do: PostgresWork[Order], work: Order) -> None:
    await connection.execute("begin")
    await do(connection, work)
    await connection.execute("commit")


def _at_mariadb(session: MariaDbSession, work: Order) -> None:
    session.execute("begin")
    pay(session, work)
    session.execute("commit")


def _a_second(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    done = 0
    while time.perf_counter() - began < DURATION_S / 3:
        do()
        done += 1
    return done / (time.perf_counter() - began)


def measure() -> Iterator[Figure]:
    with (
        tempfile.TemporaryDirectory() as logs,
        provisioned(load_system(find_system("2pc"), Selection()), RuntimeName.LOCAL) as environment,
    ):
        environment.start(is_reset_later=False)
        environment.start_workers(Path(logs))
        rates = Rates(environment)
        for clients in CLIENTS:
            two_phase, local, by_postgres, by_mariadb = figures.repeated(
                REPETITIONS,
                partial(rates.two_phase, clients),
                partial(rates.local, clients),
                rates.forced_by_postgres,
                rates.forced_by_mariadb,
            )
            forced = list(map(min, by_postgres, by_mariadb))
            yield Figure(
                what=f"2pc, {clients} clients",
                values=two_phase,
                unit="/s",
                peer="its work as local transactions",
                peer_values=local,
            )
            yield Figure(
                what=f"2pc, {clients} clients",
                values=two_phase,
                unit="/s",
                peer=f"forced writes one by one, {FORCED_IN_A_ROW} for an order",
                peer_values=[rate / FORCED_IN_A_ROW for rate in forced],
            )
            shared = rates.shared[clients][1:]
            figure = Figure(
                what=f"decisions for each forced write, {clients} clients",
                values=shared,
                unit="",
                peer="no group commit",
                peer_values=[1],
                goal="over 1 x" if clients == max(CLIENTS) else "",
            )
            yield figures.judged(figure, figure.ratio > 1) if figure.goal else figure


if __name__ == "__main__":
    figures.main(measure, __doc__)
