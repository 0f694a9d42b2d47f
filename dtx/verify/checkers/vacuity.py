"""Vacuity: a fault that did not land, or a run in whose main phase nothing committed, proves nothing.

Never convicts: it makes the verdict unknown, with the reason and a hint.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from dtx.config.model import Contract
from dtx.core.history import Outcome
from dtx.verify.check import Checker, Judgement
from dtx.verify.landing import judge_landing
from dtx.verify.ledger import Ledger
from dtx.verify.operations import Operation
from dtx.verify.words import answer_words, listed

NAME: Final = "vacuity"
CLAIM: Final = (
    "every fault met live traffic, and at least one transaction of the main phase committed"
)


def judge(ledger: Ledger) -> Judgement:
    """Say which faults did not land, and whether anything that the main phase submitted committed."""
    reasons = [
        f"fault {window.plan.index + 1} ({window.plan.name}) did not land: {landing.reason}"
        for window in ledger.timeline.windows
        if not (landing := judge_landing(window)).has_landed
    ]
    omitted = ledger.timeline.omitted
    if omitted and not ledger.timeline.windows:
        reasons.append(
            f"no fault came: {listed(o.fault for o in omitted)} had a chance, and this seed drew none; "
            "take another --seed, or a higher p="
        )
    # What committed in the warm-up shows that the system works, not that it was tried.
    main_ns = ledger.timeline.main_ns
    example = None
    submitted = [tx for tx, each in ledger.operations.items() if each.invoked_ns >= main_ns]
    if not any(_is_committed(ledger, tx) for tx in submitted):
        example = _usual_one([ledger.operations[tx] for tx in submitted])
        reasons.append(f"no transaction of the main phase committed{_how(ledger, example)}")
    return Judgement(
        judged=len(ledger.timeline.windows),
        undecided="; ".join(reasons),
        tx=None if example is None else example.tx,
    )


def _usual_one(operations: Sequence[Operation]) -> Operation | None:
    """Return the first of those that ended as most did for their client."""
    if not operations:
        return None
    ends = [(operation.outcome, operation.status) for operation in operations]
    [(usual, _)] = Counter(ends).most_common(1)
    return operations[ends.index(usual)]


def _how(ledger: Ledger, example: Operation | None) -> str:
    """Return how it went instead, and what to try."""
    if example is None:
        return ", as none was submitted"
    words = f"; most ended as {example.tx}, which {answer_words(example)}"
    return f"{words}; then try --fault none" if ledger.timeline.windows else words


def _is_committed(ledger: Ledger, tx: str) -> bool:
    outcome = ledger.operations[tx].outcome
    return outcome is Outcome.OK or (outcome is Outcome.INFO and ledger.is_committed(tx))


def _is_claimed(_contract: Contract) -> bool:
    return True


CHECKER: Final = Checker(name=NAME, claim=CLAIM, judge=judge, is_claimed=_is_claimed)
