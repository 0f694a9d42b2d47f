"""Durability: what was acknowledged is there, at every participant (I3)."""

from typing import Final

from dtx.config.model import Contract
from dtx.core.history import Outcome
from dtx.verify.check import Checker, Judgement, Premise, convict
from dtx.verify.ledger import Ledger
from dtx.verify.words import evidence_rows

NAME: Final = "durability"
CLAIM: Final = "a transaction that was answered ok is at every participant"


def judge(ledger: Ledger) -> Judgement:
    """Convict acknowledged transactions that are absent at one participant or more.

    What the system said of an unknown one, once all was quiet, is an acknowledgement too.
    """
    if not ledger.is_judging_participants:
        return Judgement(judged=0, undecided="[client] participants names no database")
    promised = [op.tx for op in ledger.operations.values() if op.told is Outcome.OK]
    return Judgement(
        judged=len(promised),
        findings=convict(
            ledger,
            checker=NAME,
            claim=CLAIM,
            guilty=(tx for tx in promised if ledger.present[tx] != ledger.parties[tx]),
            deed="answered ok but absent at a participant",
            evidence=lambda tx: evidence_rows(ledger, tx),
        ),
    )


def _is_claimed(contract: Contract) -> bool:
    return contract.is_durable


CHECKER: Final = Checker(
    name=NAME,
    claim=CLAIM,
    judge=judge,
    is_claimed=_is_claimed,
    premises=(Premise.OBSERVED, Premise.COMPLETE, Premise.ENDED),
)
