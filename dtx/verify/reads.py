"""What readers saw, joined with what became of the transactions that they saw.

dirty: a value held the effect of a transaction that has none there in the end.
fractured: a read saw a transaction at one participant and not at another where it stands in the end.
went back: a transaction that stands was no longer seen by a reader that had seen it there.
wrong sum: all values of a read do not add up to what they must.

A transaction is known in a read by what its answers list, so that values which happen to cancel out hide nothing.
Time is linear in the differences that were recorded; in each read all that is in view and not whole is gone through as one set.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field
from enum import StrEnum

from dtx.config.model import Reader
from dtx.core.history import Answer, Read
from dtx.verify.ledger import Ledger

_EXAMPLES = 5


class Anomaly(StrEnum):
    """What a read may show of a transaction; `unmarked` are the dirty ones that no answer calls not final."""

    DIRTY = "dirty"
    UNMARKED = "unmarked"
    FRACTURED = "fractured"
    WENT_BACK = "went back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One read that shows an anomaly of `tx`, seen at the participants `at` and not at `not_at`."""

    read: Read
    tx: str
    at: tuple[str, ...]
    not_at: tuple[str, ...] = ()
    is_marked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongSum:
    """A read whose values are off by `off`; `half_seen` are the transactions that are not whole in it."""

    read: Read
    off: int
    half_seen: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Shown:
    """How often one anomaly was shown: in how many reads, and first of each transaction."""

    reads: int = 0
    first: dict[str, Sighting] = field(default_factory=dict)

    def add(self, is_shown: bool, new: Iterable[Sighting]) -> None:
        """Count one read; `new` has the transactions that show it for the first time."""
        self.reads += is_shown
        for sighting in new:
            self.first.setdefault(sighting.tx, sighting)


@dataclass(slots=True, kw_only=True)
class Observed:
    """All that one reader saw; filled while its reads are walked through, then only read.

    Attributes:
        reader: who.
        is_joined: whether transactions in the values are known, and what became of them too.
        complete: reads that were answered by all participants.
        failed, skipped, errors: as `ReaderSummary` has them.
        seen: how many times a submitted transaction came into view.
        strangers: transactions in the values that nobody submitted.
        offs: by how much each wrong sum was off.
        examples: a few of the reads with wrong sums, with and without transactions that explain them.
    """

    reader: Reader
    is_joined: bool
    complete: int = 0
    failed: int = 0
    skipped: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    seen: int = 0
    strangers: set[str] = field(default_factory=set)
    shown: dict[Anomaly, Shown] = field(
        default_factory=lambda: {anomaly: Shown() for anomaly in Anomaly}
    )
    offs: list[int] = field(default_factory=list)
    examples: list[WrongSum] = field(default_factory=list)

    def add_sum(self, read: Read, half: Set[str], doomed: Set[str]) -> None:
        """Judge the sum of a complete read, in which these transactions are not whole or do not last."""
        if self.reader.total is None:
            return
        off = sum(answer.value for answer in read.answers) - self.reader.total
        if not off:
            return
        self.offs.append(off)
        is_explained = bool(half or doomed)
        if sum(bool(wrong.half_seen) is is_explained for wrong in self.examples) < _EXAMPLES:
            half_seen = tuple(sorted(half | doomed))
            self.examples.append(WrongSum(read=read, off=off, half_seen=half_seen))


def observe_reads(ledger: Ledger) -> tuple[Observed, ...]:
    """Walk through the reads of every reader."""
    has_rows = ledger.has_observations and not ledger.observations.errors
    walks = {name: _Walk(ledger, reader, has_rows) for name, reader in ledger.readers.items()}
    for read in ledger.reads:
        if read.reader in walks:
            walks[read.reader].take(read)
    return tuple(walk.observed for walk in walks.values())


class _Walk:
    """One reader's reads, one after another."""

    def __init__(self, ledger: Ledger, reader: Reader, has_rows: bool) -> None:
        self._ledger = ledger
        self._views: dict[str, _View] = {
            question.participant: _View() for question in reader.questions if question.seen
        }
        self._standing: dict[str, frozenset[str]] = {}
        self._half: dict[str, _Half] = {}
        self._new_half: set[str] = set()
        self.observed = Observed(reader=reader, is_joined=bool(self._views) and has_rows)

    def take(self, read: Read) -> None:
        """Take the next read."""
        observed = self.observed
        observed.skipped += read.skipped
        doomed = self._join(read) if observed.is_joined else frozenset[str]()
        if read.error:
            observed.failed += 1
            observed.errors[read.error] += 1
        else:
            observed.complete += 1
            observed.add_sum(read, self._half.keys(), doomed)

    def _join(self, read: Read) -> Set[str]:
        """Look for anomalies; return the transactions in view that do not stand in the end."""
        gone: list[Sighting] = []
        changed: set[str] = set()
        for answer in read.answers:
            if answer.participant in self._views:
                gone.extend(self._look(read, answer))
                changed.update(answer.added, answer.removed)
        for tx in changed:
            self._weigh(tx)
        shown = self.observed.shown
        shown[Anomaly.WENT_BACK].add(bool(gone), gone)
        views = [self._views[a.participant] for a in read.answers if a.participant in self._views]
        doomed = set[str]().union(*(view.doomed for view in views))
        marked = {tx for answer in read.answers for tx in answer.pending}
        for anomaly, found in ((Anomaly.DIRTY, doomed), (Anomaly.UNMARKED, doomed - marked)):
            # Not by a difference of sets, which copies all that was ever shown, for every read.
            new = [tx for tx in found if tx not in shown[anomaly].first]
            shown[anomaly].add(bool(found), (self._dirty(read, tx, marked) for tx in new))
        if not read.error:
            new_half, self._new_half = self._new_half & self._half.keys(), set()
            fractured = (self._fractured(read, tx, marked) for tx in new_half)
            shown[Anomaly.FRACTURED].add(bool(self._half), fractured)
        return doomed

    def _look(self, read: Read, answer: Answer) -> Iterator[Sighting]:
        """Bring what one participant shows up to date; yield what stands there and is no longer seen."""
        name = answer.participant
        view = self._views[name]
        for tx in answer.added:
            if tx not in self._ledger.operations:
                self.observed.strangers.add(tx)
                continue
            self.observed.seen += 1
            view.seen.add(tx)
            if name not in self._stands(tx):
                view.doom(tx, self._undone_ns(tx, name))
        for tx in answer.removed:
            view.seen.discard(tx)
            view.doomed.discard(tx)
            if name in self._stands(tx):
                yield Sighting(read=read, tx=tx, at=(), not_at=(name,))
        view.forget_undone(answer.asked_ns)

    def _dirty(self, read: Read, tx: str, marked: Set[str]) -> Sighting:
        at = tuple(
            answer.participant
            for answer in read.answers
            if (view := self._views.get(answer.participant)) and tx in view.doomed
        )
        return Sighting(read=read, tx=tx, at=at, is_marked=tx in marked)

    def _fractured(self, read: Read, tx: str, marked: Set[str]) -> Sighting:
        half = self._half[tx]
        return Sighting(read=read, tx=tx, at=half.at, not_at=half.not_at, is_marked=tx in marked)

    def _weigh(self, tx: str) -> None:
        """Note whether a transaction is in view at one participant and missing at another where it stands."""
        at: list[str] = []
        not_at: list[str] = []
        stands = self._stands(tx)
        for name, view in self._views.items():
            if tx in view.seen:
                at.append(name)
            elif name in stands:
                not_at.append(name)
        if at and not_at:
            self._half[tx] = _Half(at=tuple(at), not_at=tuple(not_at))
            self._new_half.add(tx)
        else:
            self._half.pop(tx, None)

    def _stands(self, tx: str) -> frozenset[str]:
        found = self._standing.get(tx)
        if found is None:
            tallies = self._ledger.tallies.get(tx, ())
            found = frozenset(tally.participant for tally in tallies if tally.is_present)
            self._standing[tx] = found
        return found

    def _undone_ns(self, tx: str, participant: str) -> int | None:
        """Return when its last effect there was undone; None if that is not known, or there never was any."""
        times = [
            self._ledger.timeline.from_wall(tally.undone_at_ns)
            for tally in self._ledger.tallies.get(tx, ())
            if tally.participant == participant
        ]
        known = [at_ns for at_ns in times if at_ns is not None]
        return max(known) if known and len(known) == len(times) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Half:
    at: tuple[str, ...]
    not_at: tuple[str, ...]


@dataclass(slots=True)
class _View:
    """What one participant shows: transactions in its value, and `doomed`, those that do not stand there in the end."""

    seen: set[str] = field(default_factory=set)
    doomed: set[str] = field(default_factory=set)
    _undone: list[tuple[int, str]] = field(default_factory=list)

    def doom(self, tx: str, undone_ns: int | None) -> None:
        """Note a transaction that was undone at some time, if that is known."""
        self.doomed.add(tx)
        if undone_ns is not None:
            heapq.heappush(self._undone, (undone_ns, tx))

    def forget_undone(self, asked_ns: int) -> None:
        """Drop what was undone before it was asked: the list may name it still, but the value can't hold it."""
        while self._undone and self._undone[0][0] <= asked_ns:
            self.doomed.discard(heapq.heappop(self._undone)[1])
