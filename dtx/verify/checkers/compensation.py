"""Compensation: undone in reverse order of applied, and never before or without it (I5).

Order is by commit time; rows without one are not ordered, and rows of one commit time may be in any order.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from dtx.config.model import Contract
from dtx.core.verdict import Finding
from dtx.verify.check import Checker, Judgement, Premise, convict
from dtx.verify.effects import StepTally
from dtx.verify.ledger import Ledger
from dtx.verify.words import evidence_rows

NAME: Final = "compensation"
CLAIM: Final = "steps are undone in reverse order of applied, never before or without it"


def judge(ledger: Ledger) -> Judgement:
    """Convict transactions that undid what was not done, too early, or in the wrong order."""
    without: list[str] = []
    before: list[str] = []
    disordered: list[str] = []
    judged = 0
    for tx, tallies in ledger.tallies.items():
        if tx not in ledger.operations or not any(tally.undone for tally in tallies):
            continue
        judged += 1
        times = _times(tallies)
        if any(tally.undone and not tally.applied for tally in tallies):
            without.append(tx)
        if any(undone_ns < applied_ns for applied_ns, undone_ns in times):
            before.append(tx)
        elif not _is_reversed(times):
            disordered.append(tx)
    return Judgement(
        judged=judged,
        findings=(
            *_finding(ledger, without, "undid a step that was never applied"),
            *_finding(ledger, before, "undid a step before it was applied"),
            *_finding(ledger, disordered, "undid steps in another order than the reverse"),
        ),
    )


def _times(tallies: Sequence[StepTally]) -> list[tuple[int, int]]:
    """Return (applied, undone) of the steps that have both times."""
    return [
        (tally.applied_at_ns, tally.undone_at_ns)
        for tally in tallies
        if tally.applied_at_ns is not None and tally.undone_at_ns is not None
    ]


def _is_reversed(times: Sequence[tuple[int, int]]) -> bool:
    # Steps applied at one time stand with the last undone first, so that ties never accuse.
    ordered = sorted(times, key=lambda pair: (pair[0], -pair[1]))
    return all(one[1] >= other[1] for one, other in pairwise(ordered))


def _finding(ledger: Ledger, guilty: Sequence[str], deed: str) -> tuple[Finding, ...]:
    return convict(
        ledger,
        checker=NAME,
        claim=CLAIM,
        guilty=guilty,
        deed=deed,
        evidence=lambda tx: evidence_rows(ledger, tx),
    )


def _is_claimed(contract: Contract) -> bool:
    return contract.is_compensating


CHECKER: Final = Checker(
    name=NAME,
    claim=CLAIM,
    judge=judge,
    is_claimed=_is_claimed,
    premises=(Premise.OBSERVED, Premise.COMPLETE),
)
