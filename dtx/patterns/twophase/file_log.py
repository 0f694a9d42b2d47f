"""The decision log as a file of one transaction manager: the same promises as those of the table (decision_log.py).

Forced is what was written and synced. Many decisions share one sync (group_commit.py). Nothing is known to anybody,
recovery included, before it is as durable as it has to be.

One manager only: a lock on a file beside it keeps a second process out for as long as the first one lives. Each start
begins the next epoch. It writes all that counts into a new file, syncs that, gives it the log's name and syncs the
folder, all before anything is decided. That leaves behind what was cut off at the end, which nobody was promised, and
what the kernel may hold without having written it. The same is done when much in the file says nothing any more.
A decision is never dropped: who asks again, or asks later, is told the same.

A write or a sync that fails ends the process: what the kernel has of the file then is not known, and a second sync may
succeed without having written (https://wiki.postgresql.org/wiki/Fsync_Errors). The next start finds out from the file.
docs/adr/0009 compares the two places.
"""

import asyncio
import fcntl
import logging
import os
import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from dtx.patterns.twophase.decision_log import Record
from dtx.patterns.twophase.file_entries import (
    Decided,
    Decisions,
    Forgotten,
    encoded,
    read_decisions,
)
from dtx.patterns.twophase.frames import DamagedFrameError
from dtx.patterns.twophase.group_commit import GroupCommit
from dtx.patterns.twophase.identity import Xid
from dtx.patterns.twophase.lease import NotLeadingError
from dtx.patterns.twophase.resource import Decision

COMPACT_AFTER = 10_000
"""So many superfluous entries, and the file is written anew."""

EXIT_LOG_FAILED = 74
"""The status with which the process ends when the log can't be written: EX_IOERR of sysexits.h."""

_logger = logging.getLogger(__name__)


class LogFileError(Exception):
    """The log can't be used: which file, why, and what an operator may do."""


class FileLog:
    """Implements `Logging` and `Leading` over an open file; an async context manager, closed at its end."""

    def __init__(self, path: Path, lock: int, decisions: Decisions) -> None:
        self._path = path
        self._lock = lock
        self._decisions = decisions
        self._stuck: set[str] = set()
        self._compact_after = COMPACT_AFTER
        self._writer: GroupCommit[Decided | Forgotten, Record | None] = GroupCommit(self._write)
        self._busy = threading.Lock()
        self._file: int | None = None

    @classmethod
    def open(cls, path: Path, group: str) -> Self:
        """Lock the log, read it and begin the next epoch; make it if there is none.

        Raises:
            LogFileError: another process has it, or it can't be read, or what it says can't be trusted.
        """
        try:
            with ExitStack() as undo:
                lock = _locked(path)
                undo.callback(os.close, lock)
                decisions = _read(path, group)
                decisions.epoch += 1
                log = cls(path, lock, decisions)
                log._rewrite()
                undo.pop_all()
        except OSError as error:
            raise LogFileError(
                f"the decision log {path} can't be used: {error.strerror}. "
                "Transactions may be undecided without it: give it back, do not begin another one"
            ) from error
        _logger.warning("leads in epoch %d, by %s", decisions.epoch, path)
        return log

    async def __aenter__(self) -> Self:
        """Begin to write."""
        await self._writer.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop writing, close, and let others have it."""
        await self._writer.__aexit__(kind, error, traceback)
        self.close()

    def close(self) -> None:
        """Close the files, after a write that is under way."""
        with self._busy:
            if self._file is not None:
                os.close(self._file)
                os.close(self._lock)
                self._file = None

    @property
    def epoch(self) -> int:
        """The epoch in which we lead: for as long as we live, nobody else can."""
        return self._decisions.epoch

    async def leads(self) -> int:
        """Return the epoch: we lead from the first."""
        return self.epoch

    async def decide(
        self, xid: Xid, decision: Decision, *, epoch: int, participants: tuple[str, ...] = ()
    ) -> Record:
        """Force the decision to the disk unless there is one; return the one that counts."""
        entry = Decided(
            tx=xid.tx, attempt=xid.attempt, decision=decision, participants=participants
        )
        if epoch != self.epoch and xid.tx not in self._decisions.decided:
            raise NotLeadingError(f"epoch {epoch} is over: {xid} stays undecided")
        record = await self._writer.submit(entry)
        assert record is not None
        return record

    async def read(self, txs: Collection[str]) -> dict[str, Record]:
        """Return what is decided about these transactions; nothing for one that is undecided."""
        known = self._decisions.decided
        return {tx: known[tx].record(self._decisions.group) for tx in txs if tx in known}

    async def unforgotten(self) -> list[Record]:
        """Return what is committed, but maybe not yet by all its participants, and what an operator is shown."""
        known = self._decisions
        return [known.decided[tx].record(known.group) for tx in known.open | self._stuck]

    async def forget(self, xid: Xid) -> None:
        """Note that every branch has ended as decided: recovery need not look for it any more, nor an operator."""
        self._stuck.discard(xid.tx)
        entry = Forgotten(tx=xid.tx, attempt=xid.attempt)
        await self._writer.submit(entry)

    async def mark_stuck(self, xid: Xid) -> None:
        """Put the transaction in front of an operator: once, until it is forgotten, in the log of this process."""
        if xid.tx in self._decisions.decided and xid.tx not in self._stuck:
            self._stuck.add(xid.tx)
            _logger.error("%s is stuck in phase two: an operator should look", xid)

    async def _write(self, asked: Sequence[Decided | Forgotten]) -> list[Record | None]:
        """Write what is new and what counts, in one go; return the record that counts for each decision."""
        fresh: dict[tuple[type, str], Decided | Forgotten] = {}
        for entry in asked:
            if self._is_new(entry):
                fresh.setdefault((type(entry), entry.tx), entry)
        # What is forgotten may be lost: recovery looks once more.
        is_forced = any(isinstance(entry, Decided) for entry in asked)
        if fresh:
            await asyncio.to_thread(self._append, encoded(*fresh.values()), is_forced=is_forced)
        for entry in fresh.values():
            self._decisions.add(entry)
        if self._decisions.superfluous >= self._compact_after:
            await asyncio.to_thread(self._or_end, lambda _: self._rewrite())
        known = self._decisions.decided
        return [
            known[entry.tx].record(self._decisions.group) if isinstance(entry, Decided) else None
            for entry in asked
        ]

    def _is_new(self, entry: Decided | Forgotten) -> bool:
        if isinstance(entry, Decided):
            return entry.tx not in self._decisions.decided
        xid = Xid(group=self._decisions.group, tx=entry.tx, attempt=entry.attempt)
        committed = self._decisions.find(xid)
        return committed is not None and not committed.is_forgotten

    def _append(self, content: bytes, *, is_forced: bool) -> None:
        def append(file: int) -> None:
            _write_all(file, content)
            if is_forced:
                self.sync(file)

        self._or_end(append)

    def _or_end(self, write: Callable[[int], None]) -> None:
        """Write, or end the process: nobody may go on from a file that may not be what it seems."""
        with self._busy:
            if self._file is None:  # closed, and nobody waits for the outcome any more
                return
            try:
                write(self._file)
            except OSError as error:
                _end(self._path, error)

    def sync(self, file: int) -> None:
        """Make what was appended durable."""
        os.fdatasync(file)

    def _rewrite(self) -> None:
        """Write all that counts into a new file, and put it in the place of the old one."""
        fresh = self._path.with_name(f"{self._path.name}.new")
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            _write_all(file, self._decisions.as_file())
            os.fsync(file)
            fresh.replace(self._path)
            _sync_folder(self._path.parent)
        except BaseException:
            os.close(file)
            raise
        if self._file is not None:
            os.close(self._file)
        self._file = file
        self._decisions.superfluous = 0


def _locked(path: Path) -> int:
    """Lock the file beside the log, which, unlike the log, is never replaced; return its descriptor."""
    beside = path.with_name(f"{path.name}.lock")
    lock = os.open(beside, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise LogFileError(
            f"the decision log {path} is in use by another process, which holds {beside}: "
            "one transaction manager only. End that one first"
        ) from error
    return lock


def _read(path: Path, group: str) -> Decisions:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        _logger.warning("there is no decision log %s: begun with an empty one", path)
        return Decisions(group=group, epoch=0)
    try:
        decisions, torn_bytes = read_decisions(content)
    except DamagedFrameError as error:
        raise LogFileError(
            f"the decision log {path} is damaged at offset {error.offset}: {error.reason}. Nothing is decided or rolled "
            "back by it. Put back an undamaged copy of the whole file, from a mirror, not from an older backup; if there "
            "is none, compare each prepared branch with the effects of its transaction at the other databases and end it by hand. "
            "Do not cut the file: what stood behind the damage may be commits"
        ) from error
    if decisions.group != group:
        raise LogFileError(
            f"the decision log {path} is that of group {decisions.group}, not {group}: look at TM_GROUP and LOG_FILE"
        )
    if torn_bytes:
        _logger.warning(
            "%s ends with %d bytes of a record that was cut off while it was written: left out, nobody was promised it",
            path, torn_bytes,
        )  # fmt: skip
    return decisions


def _write_all(file: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _end(path: Path, error: OSError) -> NoReturn:
    _logger.critical(
        "the decision log %s can't be written: %s. Ends here: see to the disk and start again, what is in doubt waits",
        path, error.strerror,
    )  # fmt: skip
    logging.shutdown()
    os._exit(EXIT_LOG_FAILED)
