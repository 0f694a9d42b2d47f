"""What a checker is: a pure function over the ledger, and what must be given for it to mean anything."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dtx.config.model import Contract
from dtx.core.verdict import Finding
from dtx.verify.ledger import Ledger
from dtx.verify.words import count


class Premise(StrEnum):
    """What must be given before a checker may accuse anyone.

    observed: the rows were read.
    complete: every query answered; a row that is not there is evidence only then.
    healed: every fault was taken away again; what is unfinished is the system's doing only then.
    ended: the run was not cut short on a machine that other programs kept busy; what is half done may only be slow then.
    """

    OBSERVED = "observed"
    COMPLETE = "complete"
    HEALED = "healed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a checker found: `judged` things were looked at; `undecided` says why it can't tell.

    The story of `tx` shows why it can't tell, or what is wrong where no finding accuses a transaction.
    """

    judged: int
    findings: tuple[Finding, ...] = ()
    undecided: str = ""
    tx: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checker:
    """One invariant: its name, what it says, whether a contract claims it, and its judge."""

    name: str
    claim: str
    judge: Callable[[Ledger], Judgement]
    is_claimed: Callable[[Contract], bool]
    premises: tuple[Premise, ...] = ()


def convict(
    ledger: Ledger,
    *,
    checker: str,
    claim: str,
    guilty: Iterable[str],
    deed: str,
    evidence: Callable[[str], Sequence[str]],
) -> tuple[Finding, ...]:
    """Return one finding over the guilty transactions, or none if there are none.

    `deed` is what they did, behind "3 transactions": "left something at some participants only".
    `evidence` gives the lines for the first of them.
    """
    subjects = sorted(set(guilty), key=lambda tx: _invoked_at(ledger, tx))
    if not subjects:
        return ()
    first = subjects[0]
    return (
        Finding(
            checker=checker,
            claim=claim,
            summary=f"{count(len(subjects), 'transaction')} {deed}; the first is {first}",
            subjects=tuple(subjects),
            evidence=tuple(evidence(first)),
            tx=first,
        ),
    )


def _invoked_at(ledger: Ledger, tx: str) -> tuple[int, str]:
    operation = ledger.operations.get(tx)
    return (ledger.timeline.end_ns + 1 if operation is None else operation.invoked_ns, tx)
