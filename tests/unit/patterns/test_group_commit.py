"""Group commit: one write for all that came meanwhile, and an error for exactly those that were in it."""

import asyncio
from collections.abc import Sequence

import psycopg
import pytest

from dtx.patterns.twophase.group_commit import GroupCommit
from dtx.patterns.twophase.identity import Xid, is_transaction_name


def test_what_comes_during_a_write_goes_into_the_next_one_together() -> None:
    groups: list[list[int]] = []

    async def run() -> list[int]:
        first_may_end = asyncio.Event()

        async def write(items: Sequence[int]) -> list[int]:
            groups.append(list(items))
            if len(groups) == 1:
                await first_may_end.wait()
            return [item * 10 for item in items]

        async with GroupCommit(write) as commits:
            asked = [asyncio.create_task(commits.submit(0))]
            while not groups:
                await asyncio.sleep(0)
            asked += [asyncio.create_task(commits.submit(n)) for n in range(1, 6)]
            await asyncio.sleep(0)
            first_may_end.set()
            return await asyncio.gather(*asked)

    assert asyncio.run(run()) == [0, 10, 20, 30, 40, 50]
    assert groups == [[0], [1, 2, 3, 4, 5]]


def test_a_write_that_fails_is_unknown_to_its_group_and_the_next_one_goes_on() -> None:
    async def run() -> str:
        async def write(items: Sequence[str]) -> Sequence[str]:
            if "bad" in items:
                raise psycopg.OperationalError("no answer")
            return items

        async with GroupCommit(write) as commits:
            with pytest.raises(psycopg.OperationalError):
                await commits.submit("bad")
            return await commits.submit("good")

    assert asyncio.run(run()) == "good"


def test_a_defect_in_a_write_is_told_to_its_group_and_the_next_one_goes_on() -> None:
    async def run() -> str:
        async def write(items: Sequence[str]) -> Sequence[str]:
            if "bad" in items:
                raise ValueError("nobody thought of this")
            return items

        async with GroupCommit(write) as commits, asyncio.timeout(5):
            with pytest.raises(ValueError, match="nobody thought"):
                await commits.submit("bad")
            return await commits.submit("good")

    assert asyncio.run(run()) == "good"


def test_an_id_is_read_as_it_was_written() -> None:
    xid = Xid.new("shop", "t000042", epoch=7)
    assert Xid.parse(str(xid)) == xid
    assert xid.epoch == 7


@pytest.mark.parametrize(
    "text", ["", "a:b", "shop:t1:xyz", "1_Zw==_Yg==", "shop:t 1:1.0000000a", "shop:t1:0000000a"]
)
def test_a_stranger_s_id_is_nobody(text: str) -> None:
    assert Xid.parse(text) is None


def test_every_id_fits_in_what_xa_allows() -> None:
    assert len(str(Xid.new("g" * 10, "t" * 36, epoch=0xFFFFFF))) <= 64
    assert is_transaction_name("t" * 36)
    assert not is_transaction_name("t" * 37)
