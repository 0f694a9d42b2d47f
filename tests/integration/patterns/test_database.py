"""A worker's database: nothing waits for ever, and what is back is used at once."""

import asyncio

import psycopg
import pytest
from psycopg_pool import TooManyRequests

from dtx.patterns.common.database import Database
from tests.integration.patterns.saga_system import Databases, until
from tests.integration.patterns.tcp_link import Mode, tcp_link

pytestmark = pytest.mark.local


def test_statement_on_a_silent_link_fails_at_its_deadline(databases: Databases) -> None:
    port = databases.server.address.port

    async def main(url: str, hurt: Mode) -> float:
        async with Database(url, within_s=0.2) as database:
            await database.fetch("select 1")
            link.set(hurt)
            loop = asyncio.get_running_loop()
            begun = loop.time()
            with pytest.raises(psycopg.OperationalError):
                await database.fetch("select 1")
            took_s = loop.time() - begun
            link.set(Mode.PASS)
            await database.fetch("select 1")
            return took_s

    with tcp_link(port) as link:
        url = databases.url("orders-db").replace(f":{port}/", f":{link.port}/")
        assert 0.1 < asyncio.run(main(url, Mode.SILENT)) < 1.0


def test_one_more_than_may_wait_is_refused_at_once(databases: Databases) -> None:
    async def main() -> None:
        async with Database(databases.url("orders-db"), connections=2, waiting=0) as database:
            async with database.connection(), database.connection():
                with pytest.raises(TooManyRequests):
                    await database.fetch("select 1")
            assert await database.fetch("select 1") == [(1,)]

    asyncio.run(main())


def test_failed_transaction_leaves_nothing_and_its_connection_is_used_again(
    databases: Databases,
) -> None:
    async def main() -> None:
        async with Database(databases.url("orders-db"), connections=2) as database:
            for _ in range(5):
                with pytest.raises(psycopg.errors.CheckViolation):
                    async with database.transaction() as connection:
                        await connection.execute(
                            "insert into order_effects values ('x', 's', 'applied', 1)"
                        )
                        await connection.execute(
                            "insert into order_effects values ('x', 's', 'odd', 1)"
                        )
            assert await database.fetch("select * from order_effects where tx = 'x'") == []

    asyncio.run(main())


def test_database_that_was_killed_while_many_asked_is_used_once_it_is_back(
    databases: Databases,
) -> None:
    server = databases.server

    async def ask(database: Database) -> bool:
        try:
            await database.fetch("select 1")
        except psycopg.Error:
            return False
        return True

    async def main() -> None:
        async with Database(databases.url("orders-db"), connections=4) as database:
            assert all(await asyncio.gather(*(ask(database) for _ in range(20))))
            server.kill()
            for _ in range(3):
                assert not any(await asyncio.gather(*(ask(database) for _ in range(100))))
            server.start()
            await asyncio.to_thread(until, databases.answers, 15, "PostgreSQL answers")
            loop = asyncio.get_running_loop()
            back_at = loop.time()
            while not await ask(database):
                assert loop.time() - back_at < 1.5
                await asyncio.sleep(0.05)

    asyncio.run(main())
