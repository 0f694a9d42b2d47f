"""No phantom: what was refused left nothing, and every row belongs to a transaction that was submitted (I3)."""

from collections.abc import Iterator
from typing import Final

from dtx.config.model import Contract
from dtx.core.history import Outcome
from dtx.verify.check import Checker, Judgement, Premise, convict
from dtx.verify.ledger import Ledger
from dtx.verify.words import evidence_rows

NAME: Final = "no-phantom"
CLAIM: Final = "a refused transaction leaves nothing, and every row belongs to a submitted one"


def judge(ledger: Ledger) -> Judgement:
    """Convict refused transactions that stand at a participant, and rows of unknown transactions."""
    refused = [op.tx for op in ledger.operations.values() if op.told is Outcome.FAIL]
    return Judgement(
        judged=len(refused) + len(ledger.rows),
        findings=(
            *convict(
                ledger,
                checker=NAME,
                claim=CLAIM,
                guilty=(tx for tx in refused if _stands_somewhere(ledger, tx)),
                deed="answered refused but present at a participant",
                evidence=lambda tx: evidence_rows(ledger, tx),
            ),
            *convict(
                ledger,
                checker=NAME,
                claim=CLAIM,
                guilty=_never_submitted(ledger),
                deed="in the participants' rows but never submitted by a client",
                evidence=lambda tx: evidence_rows(ledger, tx) or ("a pending row of it",),
            ),
        ),
    )


def _stands_somewhere(ledger: Ledger, tx: str) -> bool:
    # At databases that are no participants too: nothing means nothing.
    return any(tally.is_present for tally in ledger.tallies.get(tx, ()))


def _never_submitted(ledger: Ledger) -> Iterator[str]:
    yield from (tx for tx in ledger.rows if tx not in ledger.operations)
    yield from (tx for tx in ledger.pending if tx not in ledger.operations)


def _is_claimed(contract: Contract) -> bool:
    return contract.is_durable


CHECKER: Final = Checker(
    name=NAME,
    claim=CLAIM,
    judge=judge,
    is_claimed=_is_claimed,
    premises=(Premise.OBSERVED, Premise.HEALED, Premise.ENDED),
)
