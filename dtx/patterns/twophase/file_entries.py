"""What stands in a decision log that is a file: entries as JSON, one in a frame, and what they mean together.

The first entry says of which group the file is, in which epoch it is written, and how many entries were written with it
before the file got its name. Those were synced: if one of them is not there, somebody has cut the file.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from dtx.patterns.twophase.decision_log import Record
from dtx.patterns.twophase.frames import DamagedFrameError, framed, read_frames
from dtx.patterns.twophase.identity import Xid
from dtx.patterns.twophase.resource import Decision

VERSION = 1


class Started(msgspec.Struct, frozen=True, kw_only=True, tag="started"):
    """The first entry, and only that: `kept` entries follow that were written with it."""

    version: int
    group: str
    epoch: int
    kept: int


class Decided(msgspec.Struct, frozen=True, kw_only=True, tag="decided"):
    """What is decided of an attempt; `is_forgotten`: every branch of it is committed."""

    tx: str
    attempt: str
    decision: Decision
    participants: tuple[str, ...] = ()
    is_forgotten: bool = False

    def record(self, group: str) -> Record:
        """Return it as transaction managers know it."""
        xid = Xid(group=group, tx=self.tx, attempt=self.attempt)
        return Record(xid=xid, decision=self.decision, participants=self.participants)


class Forgotten(msgspec.Struct, frozen=True, kw_only=True, tag="forgotten"):
    """Every branch of a committed attempt is committed."""

    tx: str
    attempt: str


Entry = Started | Decided | Forgotten


@dataclass(slots=True, kw_only=True)
class Decisions:
    """All decisions of a group in `epoch`, by transaction; `superfluous` entries of the file say nothing any more.

    `open` are the transactions that are committed and not forgotten.
    """

    group: str
    epoch: int
    decided: dict[str, Decided] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)
    superfluous: int = 0

    def find(self, xid: Xid) -> Decided | None:
        """Return the commit of this attempt; None if there is none."""
        found = self.decided.get(xid.tx)
        if found is None or found.attempt != xid.attempt or found.decision is not Decision.COMMIT:
            return None
        return found

    def add(self, entry: Decided | Forgotten) -> None:
        """Take in what was written.

        Raises:
            ValueError: it contradicts what is there.
        """
        there = self.decided.get(entry.tx)
        if isinstance(entry, Decided):
            if there is not None:
                raise ValueError(f"a second decision of {entry.tx}")
            self.decided[entry.tx] = entry
            if entry.decision is Decision.COMMIT and not entry.is_forgotten:
                self.open.add(entry.tx)
            return
        xid = Xid(group=self.group, tx=entry.tx, attempt=entry.attempt)
        if (committed := self.find(xid)) is None:
            raise ValueError(f"{xid} is forgotten, but it was not committed")
        self.decided[entry.tx] = msgspec.structs.replace(committed, is_forgotten=True)
        self.open.discard(entry.tx)
        self.superfluous += 1

    def as_file(self) -> bytes:
        """Return the whole file that says this, with nothing superfluous."""
        kept = tuple(self.decided.values())
        first = Started(version=VERSION, group=self.group, epoch=self.epoch, kept=len(kept))
        return encoded(first, *kept)


def encoded(*entries: Entry) -> bytes:
    """Return entries as they are written."""
    return framed(msgspec.json.encode(entry) for entry in entries)


def read_decisions(content: bytes) -> tuple[Decisions, int]:
    """Read a whole file; return what it says, and how many bytes at its end are torn.

    Raises:
        DamagedFrameError: no manager has left it so.
    """
    found = read_frames(content)
    entries = _entries((frame.offset, frame.payload) for frame in found.frames)
    _, first = next(entries, (0, None))
    if not isinstance(first, Started):
        raise DamagedFrameError(0, "it does not begin as a decision log does")
    if first.version != VERSION:
        raise DamagedFrameError(0, f"it is of version {first.version}, not {VERSION}")
    decisions = Decisions(group=first.group, epoch=first.epoch)
    for offset, entry in entries:
        if isinstance(entry, Started):
            raise DamagedFrameError(offset, "a decision log begins in the midst of another")
        try:
            decisions.add(entry)
        except ValueError as error:
            raise DamagedFrameError(offset, str(error)) from error
    if len(found.frames) <= first.kept:
        there = len(found.frames) - 1
        raise DamagedFrameError(
            found.end, f"it ends after {there} of {first.kept} records that were synced"
        )
    return decisions, found.torn_bytes


def _entries(payloads: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, Entry]]:
    for offset, payload in payloads:
        try:
            yield offset, msgspec.json.decode(payload, type=Entry)
        except msgspec.MsgspecError as error:
            raise DamagedFrameError(offset, f"a record is not understood: {error}") from error
