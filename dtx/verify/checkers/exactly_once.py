"""Exactly once: no step takes effect or is undone twice, and the amounts are the expected ones (I5).

Amounts are judged only where the multiplicity is right, so that one deed is accused once. Undone without
applied is for `compensation`. Blind to effects that the system's query hides.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from dtx.config.model import Contract
from dtx.core.verdict import Finding
from dtx.verify.check import Checker, Judgement, Premise, convict
from dtx.verify.effects import StepTally
from dtx.verify.ledger import Ledger
from dtx.verify.words import evidence_rows

NAME: Final = "exactly-once"
CLAIM: Final = (
    "each step takes effect at most once and is undone at most once, with the expected amount"
)


def judge(ledger: Ledger) -> Judgement:
    """Convict steps applied or undone more than once, and net amounts that are not the expected ones."""
    again: list[str] = []
    undone_again: list[str] = []
    amounts: list[str] = []
    judged = 0
    for tx, tallies in ledger.tallies.items():
        if tx not in ledger.operations:
            continue
        judged += 1
        if any(tally.applied > 1 for tally in tallies):
            again.append(tx)
        if any(tally.undone > 1 for tally in tallies):
            undone_again.append(tx)
        if _wrong_amounts(ledger.expected[tx], tallies):
            amounts.append(tx)
    findings = (
        *_finding(ledger, again, "have a step that took effect more than once"),
        *_finding(ledger, undone_again, "have a step that was undone more than once"),
        *_finding(ledger, amounts, "left another amount than expected"),
    )
    return Judgement(judged=judged, findings=findings)


def _wrong_amounts(expected: Mapping[str, int], tallies: Sequence[StepTally]) -> tuple[str, ...]:
    """Return, in words, the participants whose amount is wrong; mostly none."""
    net: dict[str, int] = {}
    doubled: set[str] = set()
    wrong: list[str] = []
    for tally in tallies:
        name = tally.participant
        if tally.applied > 1 or tally.undone > 1:
            doubled.add(name)
        elif tally.is_present:
            net[name] = net.get(name, 0) + tally.applied_amount
        elif tally.applied and tally.applied_amount != tally.undone_amount:
            wrong.append(
                f"{name}: {tally.step} applied {tally.applied_amount}, undone {tally.undone_amount}"
            )
    wrong.extend(
        f"{name}: net amount {amount}, expected {expected[name]}"
        for name, amount in net.items()
        if name in expected and name not in doubled and amount != expected[name]
    )
    return tuple(wrong)


def _finding(ledger: Ledger, guilty: Sequence[str], deed: str) -> tuple[Finding, ...]:
    return convict(
        ledger,
        checker=NAME,
        claim=CLAIM,
        guilty=guilty,
        deed=deed,
        evidence=lambda tx: (
            *_wrong_amounts(ledger.expected[tx], ledger.tallies[tx]),
            *evidence_rows(ledger, tx),
        ),
    )


def _is_claimed(contract: Contract) -> bool:
    return contract.is_exactly_once


CHECKER: Final = Checker(
    name=NAME,
    claim=CLAIM,
    judge=judge,
    is_claimed=_is_claimed,
    premises=(Premise.OBSERVED,),
)
