"""Atomicity: a transaction is at all of its participants or at none (I2).

Looks at presence alone: how often and with which amounts is for `exactly-once`. Blind to what happened in
between.
"""

from typing import Final

from dtx.config.model import Contract
from dtx.verify.check import Checker, Judgement, Premise, convict
from dtx.verify.ledger import Ledger
from dtx.verify.words import evidence_rows

NAME: Final = "atomicity"
CLAIM: Final = "every transaction is at all of its participants or at none"


def judge(ledger: Ledger) -> Judgement:
    """Convict transactions that are present at some of their participants and absent at others."""
    if not ledger.is_judging_participants:
        return Judgement(judged=0, undecided="[client] participants names no database")
    return Judgement(
        judged=len(ledger.operations),
        findings=convict(
            ledger,
            checker=NAME,
            claim=CLAIM,
            guilty=(tx for tx in ledger.operations if ledger.is_partial(tx)),
            deed="left something at some participants only",
            evidence=lambda tx: evidence_rows(ledger, tx),
        ),
    )


def _is_claimed(contract: Contract) -> bool:
    return contract.is_atomic


CHECKER: Final = Checker(
    name=NAME,
    claim=CLAIM,
    judge=judge,
    is_claimed=_is_claimed,
    premises=(Premise.OBSERVED, Premise.COMPLETE, Premise.HEALED, Premise.ENDED),
)
