"""Residue: what must be gone once quiet is gone: unsent rows, locks, undelivered compensation (I4, I15)."""

from typing import Final

from dtx.config.model import Contract
from dtx.core.verdict import Finding
from dtx.verify.check import Checker, Judgement, Premise
from dtx.verify.ledger import Ledger
from dtx.verify.words import listed

NAME: Final = "residue"
CLAIM: Final = "once quiet, nothing is left over: every residue query answers 0"


def judge(ledger: Ledger) -> Judgement:
    """Convict every residue query that did not answer 0; a negative count is wrong too."""
    rows = ledger.observations.residue
    left = sorted((f"{r.participant}.{r.name}", r.count) for r in rows if r.count != 0)
    if not left:
        return Judgement(judged=len(rows))
    lines = tuple(f"{name}: {number}" for name, number in left)
    finding = Finding(
        checker=NAME,
        claim=CLAIM,
        summary=f"left over: {listed(lines)}",
        subjects=tuple(name for name, _ in left),
        evidence=lines,
    )
    return Judgement(judged=len(rows), findings=(finding,))


def _is_claimed(contract: Contract) -> bool:
    return contract.converges_within_s is not None


CHECKER: Final = Checker(
    name=NAME,
    claim=CLAIM,
    judge=judge,
    is_claimed=_is_claimed,
    premises=(Premise.OBSERVED, Premise.HEALED, Premise.ENDED),
)
