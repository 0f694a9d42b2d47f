"""A pattern over PostgreSQL beside its own SQL as plain local transactions: orders a second, closed loop.

The statements are recorded from the databases' logs while the pattern runs once for each of a few orders. Then the same
databases get the same statements from clients with a connection to each database, without workers, HTTP and proxies:
one order's local transactions one after the other, as the pattern commits them. Of course nothing then repairs an order
that breaks off in its middle.
"""

import asyncio
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import aiohttp
import figures
import psycopg
from closed_loop import (
    CLIENTS,
    CUSTOMERS,
    Submit,
    closed_loop,
    database_urls,
    order,
    over_http,
)
from figures import Figure
from statements import LOGGING, Statement, of_transaction

from dtx.config.find import find_system
from dtx.config.loader import load_system
from dtx.config.model import Reference, Selection
from dtx.targets.environment import Environment
from dtx.targets.provision import RuntimeName, provisioned

REPETITIONS = 3
DURATION_S = 2.0
RESTART = "select pg_reload_conf()"


def server_log(url: str) -> str:
    """Return what a local server wrote: its log lies beside its data."""
    with psycopg.connect(url) as connection:
        (folder,) = next(connection.execute("show data_directory"))
    return (Path(folder).parent / "server.log").read_text()


def record(environment: Environment, url: str) -> list[tuple[str, list[Statement]]]:
    """Run the pattern for an order of each customer with logging on; return transaction ids and statements."""
    urls = database_urls(environment)

    def set_logging(statement: str) -> None:
        for address in urls.values():
            with psycopg.connect(address, autocommit=True) as connection:
                connection.execute(statement.encode())
                connection.execute(RESTART)

    async def place() -> None:
        async with aiohttp.ClientSession() as session:
            for number in range(len(CUSTOMERS)):
                async with session.post(url, json=order(f"r{number:07d}", number)) as answer:
                    if answer.status != 201:
                        raise RuntimeError(f"answered {answer.status}: {await answer.text()}")

    set_logging(LOGGING)
    asyncio.run(place())
    set_logging("alter system reset log_statement")
    logs = {name: server_log(address) for name, address in urls.items()}
    found = [(tx, of_transaction(logs, tx)) for tx in (f"r{n:07d}" for n in range(len(CUSTOMERS)))]
    for tx, statements in found:
        if {one.database for one in statements} != set(urls):
            raise RuntimeError(f"the logs do not tell the whole of {tx}: {statements}")
    # An order that was asked for twice, on a busy machine, has more than its protocol needs.
    fewest = min(len(statements) for _, statements in found)
    return [one for one in found if len(one[1]) == fewest]


class Rates:
    """Both ways, on the same databases; transaction ids never come again."""

    def __init__(
        self, environment: Environment, url: str, recorded: list[tuple[str, list[Statement]]]
    ) -> None:
        self._nodes, self._workers = environment.nodes, tuple(environment.system.workers)
        self._url, self._urls, self._recorded = url, database_urls(environment), recorded
        self._round = 0

    def pattern(self, clients: int) -> float:
        """Return orders a second by the workers."""
        self._round += 1
        return asyncio.run(over_http(self._url, clients, DURATION_S, f"s{self._round:03d}"))

    def plain(self, clients: int) -> float:
        """Return orders a second by the same statements alone."""

        async def client() -> Submit:
            connections = {
                name: await psycopg.AsyncConnection.connect(
                    url, autocommit=True, cursor_factory=psycopg.AsyncRawCursor
                )
                for name, url in self._urls.items()
            }

            async def submit(number: int) -> bool:
                old, statements = self._recorded[number % len(self._recorded)]
                new = f"p{self._round:03d}{number:07d}"
                for one in statements:
                    cursor = await connections[one.database].execute(
                        one.text.encode(), one.of(old, new) or None
                    )
                    await cursor.close()
                return True

            opened.extend(connections.values())
            return submit

        opened: list[psycopg.AsyncConnection] = []

        async def run() -> float:
            try:
                return await closed_loop([await client() for _ in range(clients)], DURATION_S)
            finally:
                for connection in opened:
                    await connection.close()

        self._round += 1
        # The coordinator would take up what it finds unfinished, and do it too.
        for worker in self._workers:
            self._nodes.pause(worker)
        try:
            return asyncio.run(run())
        finally:
            for worker in self._workers:
                self._nodes.resume(worker)


def beside_its_sql(name: str, coordinator: str) -> Iterator[Figure]:
    """Measure the system of this name, whose worker `coordinator` takes orders."""
    system = load_system(find_system(name), Selection())
    reference = Reference(kind="workers", name=coordinator, field="url")
    with (
        tempfile.TemporaryDirectory() as logs,
        provisioned(system, RuntimeName.LOCAL) as environment,
    ):
        environment.start(is_reset_later=False)
        environment.start_workers(Path(logs))
        url = f"{environment.client_url(reference)}/orders"
        recorded = record(environment, url)
        print(f"   {len(recorded[0][1])} statements for an order, with BEGIN and COMMIT")
        rates = Rates(environment, url, recorded)
        for clients in CLIENTS:
            ours, plain = figures.repeated(
                REPETITIONS, partial(rates.pattern, clients), partial(rates.plain, clients)
            )
            yield Figure(
                what=f"{name}, {clients} clients",
                values=ours,
                unit="/s",
                peer="its SQL as local transactions",
                peer_values=plain,
            )
