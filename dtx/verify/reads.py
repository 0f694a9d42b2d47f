"""What readers saw, joined with what became of the transactions that they saw.

dirty: a value held the effect of a transaction that has none there in the end.
fractured: a read saw a transaction at one participant and not at another where it stands in the end.
went back: a transaction that stands was no longer seen by a reader that had seen it there.
wrong sum: all values of a read do not add up to what they must.

A transaction is known in a read by what its answers list, so that values which happen to cancel out hide nothing.
Time is linear in the differences that were recorded plus the anomalies.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from dtx.config.model import Reader
from dtx.core.history import Answer, Read
from dtx.verify.ledger import Ledger


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
    """A read whose values are off by `off`; `half_seen` are the transactions whose anomalies it shows too."""

    read: Read
    off: int
    half_seen: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Shown:
    """How often one anomaly was shown: in how many reads, and first of each transaction."""

    reads: int = 0
    first: dict[str, Sighting] = field(default_factory=dict)

    def add(self, sightings: Sequence[Sighting]) -> None:
        """Count the sightings of one read."""
        self.reads += bool(sightings)
        for sighting in sightings:
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
        strangers: transactions in the values that nobody submitted, or nothing is known of.
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
    wrong_sums: list[WrongSum] = field(default_factory=list)


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
        self._standing: dict[str, frozenset[str]] = {}
        joined = [question.participant for question in reader.questions if question.seen]
        self._seen: dict[str, set[str]] = {name: set() for name in joined}
        self._doomed: dict[str, dict[str, int | None]] = {name: {} for name in joined}
        """Transactions in view that do not stand in the end: participant -> tx -> when they were undone."""
        self._half: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        """Transactions in view at some participants and not at others: tx -> (at, not at)."""
        self.observed = Observed(reader=reader, is_joined=bool(joined) and has_rows)

    def take(self, read: Read) -> None:
        """Take the next read."""
        observed = self.observed
        observed.skipped += read.skipped
        if read.error:
            observed.failed += 1
            observed.errors[read.error] += 1
        else:
            observed.complete += 1
        found = self._joined(read) if observed.is_joined else {}
        for anomaly, sightings in found.items():
            observed.shown[anomaly].add(sightings)
        total = observed.reader.total
        off = sum(answer.value for answer in read.answers) - (total or 0)
        if total is not None and off and not read.error:
            named = (sighting.tx for sightings in found.values() for sighting in sightings)
            observed.wrong_sums.append(
                WrongSum(read=read, off=off, half_seen=tuple(dict.fromkeys(named)))
            )

    def _joined(self, read: Read) -> Mapping[Anomaly, Sequence[Sighting]]:
        gone: list[Sighting] = []
        changed: set[str] = set()
        for answer in read.answers:
            if answer.participant in self._seen:
                gone.extend(self._look(read, answer))
                changed.update(answer.added, answer.removed)
        marked = {tx for answer in read.answers for tx in answer.pending}
        for tx in changed:
            self._weigh(tx)
        dirty = list(self._dirty(read, marked))
        return {
            Anomaly.DIRTY: dirty,
            Anomaly.UNMARKED: [sighting for sighting in dirty if not sighting.is_marked],
            Anomaly.FRACTURED: [] if read.error else list(self._fractured(read, marked)),
            Anomaly.WENT_BACK: gone,
        }

    def _look(self, read: Read, answer: Answer) -> Iterator[Sighting]:
        """Bring what one participant shows up to date; yield what stands there and is no longer seen."""
        name = answer.participant
        for tx in answer.added:
            if tx not in self._ledger.operations:
                self.observed.strangers.add(tx)
                continue
            self.observed.seen += 1
            self._seen[name].add(tx)
            if name not in self._stands(tx):
                self._doomed[name][tx] = self._undone_ns(tx, name)
        for tx in answer.removed:
            self._seen[name].discard(tx)
            self._doomed[name].pop(tx, None)
            if name in self._stands(tx):
                yield Sighting(read=read, tx=tx, at=(), not_at=(name,))

    def _dirty(self, read: Read, marked: set[str]) -> Iterator[Sighting]:
        where: dict[str, list[str]] = {}
        for answer in read.answers:
            doomed = self._doomed.get(answer.participant, {})
            for tx, undone_ns in list(doomed.items()):
                if undone_ns is not None and undone_ns <= answer.asked_ns:
                    # Undone before it was asked: the list names it still, but the value can't hold it.
                    del doomed[tx]
                else:
                    where.setdefault(tx, []).append(answer.participant)
        for tx, names in where.items():
            yield Sighting(read=read, tx=tx, at=tuple(names), is_marked=tx in marked)

    def _fractured(self, read: Read, marked: set[str]) -> Iterator[Sighting]:
        for tx, (at, not_at) in self._half.items():
            yield Sighting(read=read, tx=tx, at=at, not_at=not_at, is_marked=tx in marked)

    def _weigh(self, tx: str) -> None:
        """Note whether a transaction is in view at one participant and missing at another where it stands."""
        at = tuple(name for name, seen in self._seen.items() if tx in seen)
        stands = self._stands(tx)
        not_at = tuple(name for name in self._seen if name in stands and name not in at)
        if at and not_at:
            self._half[tx] = (at, not_at)
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
