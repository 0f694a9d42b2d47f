"""Deadlocks: circles of transactions that waited for each other, found in what all databases showed together.

A server sees a circle only where all of it is inside: one that goes through several databases is seen by none of
them, and nothing but a time-out ends it. What the harness saw of each database is joined here to one graph: an
arrow from each waiter to whoever it waits for, there from the first look that showed it to the last.

A circle counts when all its arrows were there at once for some time. Locks are held to the end of a transaction, so
an arrow that two looks show was there in between.
"""

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dtx.core.history import Wait
from dtx.core.verdict import Deadlock, StoryLine, WaitedFor, WaitingSummary
from dtx.verify.ledger import Ledger
from dtx.verify.words import end_words

SHOWN = 3
"""So many are told one by one."""

Stories = Mapping[str, Sequence[StoryLine]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    """Waits of which each one's holder is the next one's waiter, all there from `begin_ns` to `end_ns`."""

    waits: tuple[Wait, ...]
    begin_ns: int
    end_ns: int

    @property
    def transactions(self) -> tuple[str, ...]:
        """Who is in it, in order."""
        return tuple(wait.waiter for wait in self.waits)

    @property
    def is_broken(self) -> bool:
        """Whether somebody in it stopped waiting while we looked."""
        return any(wait.is_over for wait in self.waits)

    @property
    def databases(self) -> frozenset[str]:
        """Where they wait."""
        return frozenset(wait.database for wait in self.waits)


def find_circles(waits: Sequence[Wait]) -> tuple[Circle, ...]:
    """Return the circles in order of time: for each arrow that closes one, the shortest."""
    return tuple(_circles(sorted(waits, key=lambda wait: wait.first_ns)))


def _circles(in_order: Sequence[Wait]) -> Iterator[Circle]:
    there: dict[str, list[Wait]] = {}
    told: dict[frozenset[str], int] = {}
    for wait in in_order:
        if wait.last_ns <= wait.first_ns:
            continue  # one look only: how long it was there is not known
        path = _path(there, wait)
        there.setdefault(wait.waiter, []).append(wait)
        if path is None:
            continue
        waits = (wait, *path)
        circle = Circle(
            waits=waits, begin_ns=wait.first_ns, end_ns=min(each.last_ns for each in waits)
        )
        members = frozenset(circle.transactions)
        if told.get(members, -1) < circle.begin_ns:
            told[members] = circle.end_ns
            yield circle


def _path(there: dict[str, list[Wait]], closing: Wait) -> list[Wait] | None:
    """Return the shortest way from whom `closing` waits for back to its waiter, over arrows that are there."""
    reached_by: dict[str, Wait] = {}
    queue = deque([closing.holder])
    while queue:
        waiter = queue.popleft()
        live = [wait for wait in there.get(waiter, ()) if wait.last_ns > closing.first_ns]
        there[waiter] = live
        for wait in live:
            if wait.holder == closing.waiter:
                return _back(reached_by, closing.holder, wait)
            if wait.holder not in reached_by and wait.holder != closing.holder:
                reached_by[wait.holder] = wait
                queue.append(wait.holder)
    return None


def _back(reached_by: Mapping[str, Wait], begin: str, last: Wait) -> list[Wait]:
    path = [last]
    while path[-1].waiter != begin:
        path.append(reached_by[path[-1].waiter])
    return path[::-1]


def members(circles: Sequence[Circle]) -> frozenset[str]:
    """Return the transactions whose stories are wanted: those of the circles that are told one by one."""
    return frozenset(tx for circle in circles[:SHOWN] for tx in circle.transactions)


def summarise_waiting(
    ledger: Ledger, circles: Sequence[Circle], stories: Stories, workers: Collection[str]
) -> WaitingSummary | None:
    """Return what was seen of waits for locks; None for a system whose databases do not say who waits."""
    if not ledger.is_showing_waits:
        return None
    transactions = {tx for circle in circles for tx in circle.transactions}
    return WaitingSummary(
        waits=len(ledger.waits),
        longest_s=max((_length_s(w.first_ns, w.last_ns) for w in ledger.waits), default=0.0),
        deadlocks=len(circles),
        unseen_by_servers=sum(len(circle.databases) > 1 for circle in circles),
        unbroken=sum(not circle.is_broken for circle in circles),
        longest_deadlock_s=max((_length_s(c.begin_ns, c.end_ns) for c in circles), default=0.0),
        transactions=len(transactions),
        lost=sum(not _stands(ledger, tx) for tx in transactions),
        shown=tuple(_told(ledger, circle, stories, workers) for circle in circles[:SHOWN]),
    )


def _told(ledger: Ledger, circle: Circle, stories: Stories, workers: Collection[str]) -> Deadlock:
    at_s = ledger.timeline.seconds(circle.begin_ns)
    return Deadlock(
        at_s=at_s,
        lasted_s=_length_s(circle.begin_ns, circle.end_ns),
        is_broken=circle.is_broken,
        waits=tuple(
            WaitedFor(waiter=w.waiter, holder=w.holder, database=w.database, what=w.what)
            for w in circle.waits
        ),
        ended={tx: end_words(ledger, tx) for tx in circle.transactions},
        first_word=_first_word(circle, stories, at_s, workers),
    )


def _first_word(
    circle: Circle, stories: Stories, at_s: float, workers: Collection[str]
) -> StoryLine | None:
    """Return what a worker said first of one of them once they were in the circle: most likely, what broke it."""
    said = [
        line
        for tx in circle.transactions
        for line in stories.get(tx, ())
        if line.who in workers and line.at_s > at_s
    ]
    return min(said, key=lambda line: line.at_s, default=None)


def _stands(ledger: Ledger, tx: str) -> bool:
    return tx in ledger.operations and ledger.is_committed(tx)


def _length_s(begin_ns: int, end_ns: int) -> float:
    return round((end_ns - begin_ns) / 1e9, 6)
