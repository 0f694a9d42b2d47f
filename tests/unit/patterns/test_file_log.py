"""The decision log in a file: it satisfies what the table does, survives being opened again, and refuses what it can't trust."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from dtx.patterns.twophase import file_log
from dtx.patterns.twophase.decision_log import Record
from dtx.patterns.twophase.file_entries import Decided, encoded
from dtx.patterns.twophase.file_log import FileLog, LogFileError
from dtx.patterns.twophase.identity import Xid
from dtx.patterns.twophase.lease import Leading, NotLeadingError
from dtx.patterns.twophase.resource import Decision
from dtx.patterns.twophase.transaction_manager import Logging

T = TypeVar("T")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "decisions.log"


def used(
    path: Path, use: Callable[[FileLog], Awaitable[T]], log_type: type[FileLog] = FileLog
) -> T:
    """Open the log as a process does when it starts, use it, and close it."""

    async def main() -> T:
        async with log_type.open(path, "shop") as log:
            return await use(log)

    return asyncio.run(main())


def xid(tx: str, *, epoch: int = 1) -> Xid:
    return Xid.new("shop", tx, epoch=epoch)


async def commit(log: FileLog, name: Xid) -> Record:
    return await log.decide(
        name, Decision.COMMIT, epoch=name.epoch, participants=("orders", "queue")
    )


def test_it_is_what_a_manager_and_its_recovery_need(path: Path) -> None:
    log = FileLog.open(path, "shop")
    logging_: Logging = log
    leading: Leading = log
    assert leading.epoch == 1
    assert asyncio.run(logging_.read(["t1"])) == {}
    log.close()


def test_decisions_are_there_after_a_restart_and_the_epoch_has_grown(path: Path) -> None:
    one, two, three = xid("t1"), xid("t2"), xid("t3")

    async def first(log: FileLog) -> None:
        assert log.epoch == 1
        await commit(log, one)
        await commit(log, two)
        await log.forget(two)
        await log.decide(three, Decision.ABORT, epoch=1)

    async def second(log: FileLog) -> None:
        assert log.epoch == 2
        found = await log.read(["t1", "t2", "t3", "t4"])
        assert {tx: record.decision.value for tx, record in found.items()} == {
            "t1": "commit", "t2": "commit", "t3": "abort",
        }  # fmt: skip
        [open_one] = await log.unforgotten()
        assert open_one == Record(
            xid=one, decision=Decision.COMMIT, participants=("orders", "queue")
        )

    used(path, first)
    used(path, second)


@pytest.mark.parametrize("first_one", list(Decision))
def test_the_first_decision_counts_whoever_comes_later(path: Path, first_one: Decision) -> None:
    mine, theirs = xid("t1"), xid("t1")
    later = Decision.ABORT if first_one is Decision.COMMIT else Decision.COMMIT

    async def use(log: FileLog) -> None:
        first = await log.decide(mine, first_one, epoch=1)
        assert await log.decide(theirs, later, epoch=1) == first
        assert await log.decide(theirs, Decision.ABORT, epoch=1) == first

    used(path, use)
    assert used(path, lambda log: log.read(["t1"]))["t1"].decision is first_one


def test_of_two_that_decide_at_once_one_does(path: Path) -> None:
    mine, theirs = xid("t1"), xid("t1")

    async def use(log: FileLog) -> None:
        one, other = await asyncio.gather(
            commit(log, mine), log.decide(theirs, Decision.ABORT, epoch=1)
        )
        assert one == other

    used(path, use)
    used(path, lambda log: log.read(["t1"]))


def test_a_decision_of_an_earlier_epoch_comes_too_late_unless_it_is_there(path: Path) -> None:
    decided, late = xid("t1"), xid("t2")
    used(path, lambda log: commit(log, decided))

    async def use(log: FileLog) -> None:
        assert (await commit(log, decided)).of(decided) is Decision.COMMIT
        with pytest.raises(NotLeadingError):
            await commit(log, late)

    used(path, use)


class Counting(FileLog):
    """Counts its syncs, and does them."""

    syncs = 0

    def sync(self, file: int) -> None:
        self.syncs += 1
        super().sync(file)


def test_many_decisions_share_a_sync_and_forgetting_needs_none(path: Path) -> None:
    async def use(log: FileLog) -> None:
        assert isinstance(log, Counting)
        one = xid("t0")
        await asyncio.gather(commit(log, one), *(commit(log, xid(f"t{n}")) for n in range(1, 101)))
        assert 1 <= log.syncs < 10
        before = log.syncs
        await log.forget(one)
        assert log.syncs == before
        await log.decide(xid("no"), Decision.ABORT, epoch=1)
        assert log.syncs == before + 1, "it will be told"

    used(path, use, Counting)


def test_what_says_nothing_any_more_is_left_out_and_no_decision_is(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_log, "COMPACT_AFTER", 5)

    async def use(log: FileLog) -> None:
        for number in range(12):
            name = xid(f"t{number:02}")
            await commit(log, name)
            await log.forget(name)
        await commit(log, xid("after"))

    used(path, use)
    content = path.read_bytes()
    assert content.count(b'"type":"forgotten"') == 2
    assert content.count(b'"tx":"t0') == 10
    assert b'"epoch":1' in content
    assert len(used(path, lambda log: log.read([f"t{n:02}" for n in range(12)]))) == 12
    assert len(used(path, lambda log: log.unforgotten())) == 1


def test_a_torn_end_is_left_out_and_told(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    used(path, lambda log: commit(log, xid("t1")))
    torn = encoded(Decided(tx="t2", attempt="1.00000000", decision=Decision.COMMIT))[:-1]
    with path.open("ab") as file:
        file.write(torn)
    with caplog.at_level(logging.WARNING):
        assert list(used(path, lambda log: log.read(["t1", "t2"]))) == ["t1"]
    assert f"ends with {len(torn)} bytes of a record that was cut off" in caplog.text
    assert torn not in path.read_bytes()


def test_damage_in_the_middle_is_refused_with_file_offset_and_what_to_do_and_nothing_is_changed(
    path: Path,
) -> None:
    used(path, lambda log: commit(log, xid("t1")))
    begun = path.stat().st_size
    used(path, lambda log: commit(log, xid("t2", epoch=2)))
    content = bytearray(path.read_bytes())
    content[begun - 2] ^= 1
    path.write_bytes(content)
    for _ in range(2):  # the second time too: the lock was let go
        with pytest.raises(LogFileError, match=rf"{path} is damaged at offset \d+: .*Put back"):
            FileLog.open(path, "shop")
        assert path.read_bytes() == content


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"decisions\n" * 10])
def test_a_file_that_is_no_log_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(LogFileError, match="damaged at offset 0"):
        FileLog.open(path, "shop")


def test_a_log_of_another_group_is_refused(path: Path) -> None:
    used(path, lambda log: commit(log, xid("t1")))
    with pytest.raises(LogFileError, match="of group shop, not banks"):
        FileLog.open(path, "banks")


def test_a_log_that_can_t_be_read_is_refused_and_not_begun_anew(path: Path) -> None:
    path.mkdir()
    with pytest.raises(LogFileError, match=r"can't be used: Is a directory.*give it back"):
        FileLog.open(path, "shop")


def test_a_second_process_is_kept_out_also_after_the_file_was_replaced(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_log, "COMPACT_AFTER", 1)
    inode = 0

    async def use(log: FileLog) -> None:
        nonlocal inode
        inode = path.stat().st_ino
        name = xid("t1")
        await commit(log, name)
        await log.forget(name)
        assert path.stat().st_ino != inode, "it was not replaced"
        with pytest.raises(LogFileError, match="in use by another process"):
            FileLog.open(path, "shop")

    used(path, use)
    used(path, lambda log: log.read([]))


def test_who_is_stuck_is_shown_once(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    stuck, undecided = xid("t1"), xid("t2")

    async def use(log: FileLog) -> None:
        await commit(log, stuck)
        for name in (stuck, stuck, undecided):
            await log.mark_stuck(name)

    used(path, use)
    assert [r.args for r in caplog.records if "stuck" in r.msg] == [(stuck,)]


def test_abort_that_is_stuck_is_looked_for_until_it_is_forgotten(path: Path) -> None:
    stuck = xid("t1")

    async def use(log: FileLog) -> None:
        await log.decide(stuck, Decision.ABORT, epoch=1)
        assert await log.unforgotten() == []
        await log.mark_stuck(stuck)
        assert [record.xid for record in await log.unforgotten()] == [stuck]
        await log.forget(stuck)
        assert await log.unforgotten() == []

    used(path, use)
    assert used(path, lambda log: log.read(["t1"]))["t1"].decision is Decision.ABORT


def test_descriptors_are_closed(path: Path) -> None:
    used(path, lambda log: log.read([]))
    before = len(list(Path("/proc/self/fd").iterdir()))
    used(path, lambda log: commit(log, xid("t1", epoch=2)))
    path.write_bytes(b"no log")
    with pytest.raises(LogFileError):
        FileLog.open(path, "shop")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
