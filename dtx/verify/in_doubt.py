"""Prepared branches in doubt at one moment of a run, and what the decision log says of each."""

from collections.abc import Mapping, Sequence

from dtx.core.observation import DecisionRow
from dtx.core.verdict import BranchesAt, BranchLine
from dtx.verify.branches import Branch, most_at_once, transaction_of
from dtx.verify.ledger import Ledger

NOTHING = "nothing"


def branches_at_worst(ledger: Ledger) -> BranchesAt | None:
    """Return those of the moment at which the most were in doubt; None if none stayed so for long."""
    end_ns = ledger.timeline.end_ns
    branches = ledger.blocking.branches
    if not branches:
        return None
    begun_ns, _ = most_at_once([(b.since_ns, b.until_ns(end_ns), 1) for b in branches])
    there = [b for b in branches if b.since_ns <= begun_ns < b.until_ns(end_ns)]
    # They stay the same until the first of them ends: in the middle they are neither just begun nor as good as over.
    return _at(ledger, (begun_ns + min(b.until_ns(end_ns) for b in there)) // 2, there)


def branches_at_end(ledger: Ledger) -> BranchesAt:
    """Return those that were in doubt when the observations were read, however short."""
    timeline = ledger.timeline
    known = {(b.participant, b.gid): b for b in ledger.blocking.branches if b.ended_ns is None}
    for row in ledger.observations.prepared:
        since_ns = timeline.from_wall(row.since_ns)
        known.setdefault(
            (row.participant, row.gid),
            Branch(
                participant=row.participant,
                gid=row.gid,
                name=row.name or row.gid,
                tx=transaction_of(row.name or row.gid, ledger.operations),
                since_ns=timeline.end_ns if since_ns is None else since_ns,
                ended_ns=None,
                rows=None,
            ),
        )
    return _at(ledger, timeline.end_ns, [*known.values()])


def _at(ledger: Ledger, at_ns: int, branches: Sequence[Branch]) -> BranchesAt:
    said = _by_subject(ledger.observations.decisions)
    ordered = sorted(branches, key=lambda b: (b.participant, b.since_ns, b.gid))
    return BranchesAt(
        at_s=ledger.timeline.seconds(at_ns),
        branches=tuple(
            BranchLine(
                participant=branch.participant,
                gid=branch.gid,
                name=branch.name,
                tx=branch.tx,
                age_s=round((at_ns - branch.since_ns) / 1e9, 3),
                rows=branch.rows,
                decision=_decision(ledger, said, branch, at_ns),
            )
            for branch in ordered
        ),
    )


def _by_subject(decisions: Sequence[DecisionRow]) -> Mapping[str, Sequence[DecisionRow]]:
    found: dict[str, list[DecisionRow]] = {}
    for row in decisions:
        found.setdefault(row.subject, []).append(row)
    return found


def _decision(
    ledger: Ledger, said: Mapping[str, Sequence[DecisionRow]], branch: Branch, at_ns: int
) -> str:
    """Return what the log said of it then; and what it said later, where that is known."""
    rows = [
        row for name in (branch.gid, branch.name, branch.tx) if name for row in said.get(name, ())
    ]
    if not rows:
        return NOTHING
    row = rows[0]
    decided_ns = ledger.timeline.from_wall(row.at_ns)
    if decided_ns is None:
        return f"{row.decision} (when is not known)"
    if decided_ns <= at_ns:
        return row.decision
    return f"{NOTHING}; {row.decision} {(decided_ns - at_ns) / 1e9:.1f} s later"
