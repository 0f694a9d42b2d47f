"""The lease and the fence on a real PostgreSQL: who leads, and which decisions come too late."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest

from dtx.config.loader import load_system
from dtx.config.model import DatabaseKind
from dtx.patterns.common.database import Database
from dtx.patterns.twophase.decision_log import DecisionLog, Record
from dtx.patterns.twophase.identity import Xid
from dtx.patterns.twophase.lease import Lease, NotLeadingError
from dtx.patterns.twophase.resource import Decision
from dtx.targets.local.runtime import LocalRuntime
from dtx.targets.runtime import RunScope

from .saga_system import Databases
from .twophase_system import FOLDER

pytestmark = pytest.mark.local

T = TypeVar("T")

LONG_S = 60.0
OVER_S = 0.0
"""A lease that has run out as soon as it is taken."""


@pytest.fixture(scope="module")
def databases() -> Iterator[Databases]:
    with tempfile.TemporaryDirectory(prefix="dtx-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        runtime = LocalRuntime(
            RunScope(run_id="test-lease", folder=folder), [DatabaseKind.POSTGRES]
        )
        try:
            yield Databases(runtime.launch_postgres("postgres"), load_system(FOLDER))
        finally:
            runtime.close()


class Bench:
    """Managers that share one log; each test has a group of its own."""

    def __init__(self, url: str, group: str, stack: AsyncExitStack) -> None:
        self._url = url
        self._group = group
        self._stack = stack

    async def lease(
        self,
        holder: str,
        *,
        lease_s: float,
        waits_first_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> Lease:
        database = await self._stack.enter_async_context(Database(self._url))
        return Lease(
            self._group, holder, database,
            lease_s=lease_s, waits_first_s=waits_first_s, clock=clock,
        )  # fmt: skip

    async def log(self) -> DecisionLog:
        database = await self._stack.enter_async_context(Database(self._url))
        return await self._stack.enter_async_context(DecisionLog(self._group, database))

    def xid(self, tx: str, *, epoch: int) -> Xid:
        return Xid.new(self._group, tx, epoch=epoch)


@asynccontextmanager
async def bench_in(databases: Databases, group: str) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        yield Bench(databases.url("log-db"), group, stack)


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    return asyncio.run(main())


def test_whoever_waits_to_lead_is_told_when_it_does(databases: Databases) -> None:
    async def main() -> None:
        async with bench_in(databases, "waits-to-lead") as bench:
            first = await bench.lease("first", lease_s=0.5)
            second = await bench.lease("second", lease_s=LONG_S)
            await first.hold()
            waiting = asyncio.create_task(second.leads())
            await second.hold()
            await asyncio.sleep(0)
            assert not waiting.done(), "the other one leads"
            await asyncio.sleep(0.6)
            await second.hold()
            assert await asyncio.wait_for(waiting, 1.0) == second.epoch == 2
            assert await second.leads() == 2, "at once, while it leads"
            assert first.epoch is None

    run(main)


def test_lease_is_taken_by_one_and_only_when_it_has_run_out_by_the_next(
    databases: Databases,
) -> None:
    async def main() -> None:
        async with bench_in(databases, "one") as bench:
            first = await bench.lease("a", lease_s=LONG_S)
            second = await bench.lease("b", lease_s=LONG_S)
            await first.hold()
            await second.hold()
            assert first.epoch == 1
            assert second.epoch is None
            assert second.is_known

    run(main)


def test_lease_that_ran_out_is_taken_over_and_its_holder_learns_of_it(
    databases: Databases,
) -> None:
    async def main() -> None:
        async with bench_in(databases, "over") as bench:
            first = await bench.lease("a", lease_s=OVER_S)
            second = await bench.lease("b", lease_s=LONG_S)
            await first.hold()
            assert first.epoch is None, "it has run out by its own clock already"
            await second.hold()
            await first.hold()
            assert second.epoch == 2
            assert first.epoch is None

    run(main)


def test_lease_that_ran_out_and_nobody_took_stays_in_its_epoch(databases: Databases) -> None:
    async def main() -> None:
        async with bench_in(databases, "alone") as bench:
            lease = await bench.lease("a", lease_s=OVER_S)
            await lease.hold()
            await lease.hold()
            log = await bench.log()
            mine = bench.xid("alone", epoch=1)
            assert (
                await log.decide(mine, Decision.COMMIT, epoch=1, participants=("a",))
            ).xid == mine

    run(main)


def test_manager_that_starts_again_takes_its_own_lease_back_in_a_new_epoch(
    databases: Databases,
) -> None:
    async def main() -> None:
        async with bench_in(databases, "again") as bench:
            earlier_life = await bench.lease("a", lease_s=LONG_S)
            await earlier_life.hold()
            lease = await bench.lease("a", lease_s=LONG_S)
            await lease.hold()
            await earlier_life.hold()
            assert lease.epoch == 2
            assert earlier_life.epoch == 3, "one name for two that live: only one of them leads"
            await lease.hold()
            assert lease.epoch == 4

    run(main)


def test_standby_leaves_the_first_lease_to_the_others(databases: Databases) -> None:
    async def main() -> None:
        async with bench_in(databases, "first") as bench:
            now_s = 0.0
            standby = await bench.lease(
                "b", lease_s=LONG_S, waits_first_s=10.0, clock=lambda: now_s
            )
            await standby.hold()
            assert not standby.is_known
            now_s = 10.0
            await standby.hold()
            assert standby.epoch == 1, "nobody came"

    run(main)


def test_decision_of_an_earlier_epoch_is_none(databases: Databases) -> None:
    async def main() -> None:
        async with bench_in(databases, "fence") as bench:
            zombie = await bench.lease("a", lease_s=OVER_S)
            await zombie.hold()
            log = await bench.log()
            decided = bench.xid("decided", epoch=1)
            await log.decide(decided, Decision.COMMIT, epoch=1, participants=("a",))
            await (await bench.lease("b", lease_s=LONG_S)).hold()
            late = bench.xid("late", epoch=1)
            with pytest.raises(NotLeadingError):
                await log.decide(late, Decision.COMMIT, epoch=1, participants=("a",))
            with pytest.raises(NotLeadingError):
                await log.decide(late, Decision.ABORT, epoch=1)
            assert await log.read(["late"]) == {}
            again = await log.decide(decided, Decision.COMMIT, epoch=1, participants=("a",))
            assert again == Record(xid=decided, decision=Decision.COMMIT, participants=("a",))
            assert (await log.decide(late, Decision.ABORT, epoch=2)).decision is Decision.ABORT

    run(main)


def test_epochs_of_one_group_write_are_told_apart(databases: Databases) -> None:
    async def main() -> None:
        async with bench_in(databases, "mixed") as bench:
            await (await bench.lease("a", lease_s=OVER_S)).hold()
            await (await bench.lease("b", lease_s=LONG_S)).hold()
            log = await bench.log()
            asked = [
                log.decide(
                    bench.xid(f"t{n}", epoch=n % 2 + 1),
                    Decision.COMMIT,
                    epoch=n % 2 + 1,
                    participants=("a",),
                )
                for n in range(20)
            ]
            ended = await asyncio.gather(*asked, return_exceptions=True)
            assert [isinstance(end, NotLeadingError) for end in ended] == [True, False] * 10

    run(main)


def test_takeover_waits_for_a_decision_that_is_being_written_and_a_renewal_does_not(
    databases: Databases,
) -> None:
    async def main() -> None:
        async with bench_in(databases, "wait") as bench:
            leader = await bench.lease("a", lease_s=OVER_S)
            await leader.hold()
            standby = await bench.lease("b", lease_s=LONG_S)
            log = await bench.log()
            url = databases.url("log-db")
            async with await psycopg.AsyncConnection.connect(url) as other:
                await other.execute(
                    "insert into decisions (tm_group, tx, attempt, decision, epoch)"
                    " values ('wait', 'held', '1.00000000', 'abort', 1)"
                )
                xid = bench.xid("held", epoch=1)
                deciding = asyncio.create_task(
                    log.decide(xid, Decision.COMMIT, epoch=1, participants=("a",))
                )
                await waiting(url, 1)
                await leader.hold()
                taking = asyncio.create_task(standby.hold())
                await waiting(url, 2)
                assert not taking.done()
                await other.rollback()
            assert (await deciding).of(xid) is Decision.COMMIT
            await taking
            assert standby.epoch == 2

    run(main)


async def waiting(url: str, count: int) -> None:
    """Wait until so many sessions wait for locks, at most as long as a use of a connection may take."""
    async with asyncio.timeout(1.4):
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            while True:
                cursor = await connection.execute(
                    "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
                )
                if await cursor.fetchone() == (count,):
                    return
