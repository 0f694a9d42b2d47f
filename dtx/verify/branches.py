"""Prepared branches that stayed in doubt, and who waited for them, joined from the history."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from dtx.core.history import BranchEnded, BranchInDoubt, HistoryEntry, LockWait

_WORD = re.compile(r"[A-Za-z0-9]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A branch in doubt; times are monotonic ns.

    Attributes:
        name: its global id as people read it.
        tx: the submitted transaction that its name names, None if it names none.
        ended_ns: when it was no longer there; None if it stayed to the end of the recording.
        rows: how many rows it held, None where its server does not tell.
    """

    participant: str
    gid: str
    name: str
    tx: str | None
    since_ns: int
    ended_ns: int | None
    rows: int | None

    def until_ns(self, history_end_ns: int) -> int:
        """Return when it was no longer in doubt, or the end of the history."""
        return history_end_ns if self.ended_ns is None else self.ended_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocking:
    """All branches that were seen to stay in doubt, and the waits for the rows that they held."""

    branches: Sequence[Branch] = ()
    waits: Sequence[LockWait] = ()


def join_branches(history: Sequence[HistoryEntry], transactions: Collection[str]) -> Blocking:
    """Join the begin and the end of each branch; one that comes again after its end is another."""
    begun: dict[tuple[str, str], BranchInDoubt] = {}
    found: list[Branch] = []
    waits: list[LockWait] = []
    for entry in history:
        match entry:
            case BranchInDoubt():
                begun.setdefault((entry.participant, entry.gid), entry)
            case BranchEnded():
                begin = begun.pop((entry.participant, entry.gid), None)
                if begin is not None:
                    found.append(_branch(begin, entry.at_ns, transactions))
            case LockWait():
                waits.append(entry)
            case _:
                pass
    found.extend(_branch(begin, None, transactions) for begin in begun.values())
    found.sort(key=lambda branch: (branch.since_ns, branch.participant, branch.gid))
    return Blocking(branches=found, waits=waits)


def _branch(begin: BranchInDoubt, ended_ns: int | None, transactions: Collection[str]) -> Branch:
    return Branch(
        participant=begin.participant,
        gid=begin.gid,
        name=begin.name,
        tx=transaction_of(begin.name, transactions),
        since_ns=begin.since_ns,
        ended_ns=ended_ns,
        rows=begin.rows,
    )


def transaction_of(name: str, transactions: Collection[str]) -> str | None:
    """Return the transaction that a branch's name has as a word in it, None if there is none."""
    return next((word for word in _WORD.findall(name) if word in transactions), None)


def most_at_once(spans: Sequence[tuple[int, int, int]]) -> tuple[int, int]:
    """Return when the weights of the spans (begin, end, weight) add up to the most, for the first time, and the sum.

    A span's end is no longer in it.
    """
    changes: dict[int, int] = {}
    for begin_ns, end_ns, weight in spans:
        changes[begin_ns] = changes.get(begin_ns, 0) + weight
        changes[end_ns] = changes.get(end_ns, 0) - weight
    now, best, best_ns = 0, 0, 0
    for at_ns in sorted(changes):
        now += changes[at_ns]
        if now > best:
            best, best_ns = now, at_ns
    return best_ns, best
