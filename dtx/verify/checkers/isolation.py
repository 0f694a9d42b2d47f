"""Isolation: what readers saw while transactions were under way, judged against the level that is claimed.

semantic-lock: nobody sees what is undone later, unless an answer of the same read marks it as not final.
read-committed: nobody sees what is undone later, marked or not.
serializable: every read sees each transaction wholly or not at all, never less than before, and sums add up.

A read of several requests is no snapshot: only a system whose answer to one request tells of all participants, or
whose reads take part in its transactions, can claim serializable. Blind to transactions that answers do not list.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from dtx.config.model import Contract, Isolation
from dtx.core.verdict import Finding
from dtx.verify.check import Checker, Judgement, Premise, convict
from dtx.verify.ledger import Ledger
from dtx.verify.reads import Anomaly, Observed, Sighting, WrongSum
from dtx.verify.words import count, evidence_rows, listed

NAME: Final = "isolation"
CLAIM: Final = "readers see no more of unfinished transactions than the claimed isolation allows"

_DEEDS: Final = {
    Anomaly.DIRTY: "seen by readers and undone later (dirty read)",
    Anomaly.UNMARKED: "seen by readers, not marked as pending, and undone later (dirty read)",
    Anomaly.FRACTURED: "seen at one participant and not at another in the same read (fractured read)",
    Anomaly.WENT_BACK: "no longer seen by a reader that had seen it (non-monotonic read)",
}
_CONVICTING: Final = {
    # What none does not claim is measured as the highest level would be judged.
    Isolation.NONE: (Anomaly.DIRTY, Anomaly.FRACTURED, Anomaly.WENT_BACK),
    Isolation.SEMANTIC_LOCK: (Anomaly.UNMARKED,),
    Isolation.READ_COMMITTED: (Anomaly.DIRTY,),
    Isolation.SERIALIZABLE: (Anomaly.DIRTY, Anomaly.FRACTURED, Anomaly.WENT_BACK),
}
_SUMS_CONVICT: Final = frozenset({Isolation.NONE, Isolation.SERIALIZABLE})
_SHOWN: Final = 5


def judge(ledger: Ledger) -> Judgement:
    """Convict what readers saw and the claimed level forbids."""
    observed = ledger.observed_reads
    level = ledger.contract.isolation
    findings = [
        *(f for anomaly in _CONVICTING[level] for f in _finding(ledger, observed, anomaly)),
        *(_sums(ledger, observed) if level in _SUMS_CONVICT else ()),
    ]
    lacking = "" if findings or level is Isolation.NONE else next(_lacks(observed), "")
    return Judgement(
        judged=sum(each.complete for each in observed),
        findings=tuple(findings),
        undecided=lacking,
    )


def _lacks(observed: Sequence[Observed]) -> Iterator[str]:
    """Yield what a claim can't be judged without."""
    if not observed:
        yield 'nobody reads; add [readers] to system.toml, or claim isolation = "none"'
    if not any(each.complete for each in observed):
        errors = listed((error for each in observed for error in each.errors), at_most=1)
        yield f"no read was answered by all participants{': ' if errors else ''}{errors}"
    if not any(each.is_joined for each in observed):
        yield "no reader says which transactions are in its values; add `seen` to its reads"
    if not any(each.seen for each in observed):
        strangers = {tx for each in observed for tx in each.strangers}
        why = f", but {listed(sorted(strangers), at_most=1)}, which nobody submitted"
        yield f"no reader saw any transaction{why if strangers else ''}"


def _finding(ledger: Ledger, observed: Sequence[Observed], anomaly: Anomaly) -> tuple[Finding, ...]:
    first: dict[str, Sighting] = {}
    for each in observed:
        for tx, sighting in each.shown[anomaly].first.items():
            known = first.setdefault(tx, sighting)
            if sighting.read.at_ns < known.read.at_ns:
                first[tx] = sighting
    return convict(
        ledger,
        checker=NAME,
        claim=CLAIM,
        guilty=first,
        deed=_DEEDS[anomaly],
        evidence=lambda tx: (_seen_words(ledger, first[tx]), *evidence_rows(ledger, tx)),
    )


def _seen_words(ledger: Ledger, sighting: Sighting) -> str:
    read = sighting.read
    values = ", ".join(f"{answer.participant} {answer.value}" for answer in read.answers)
    at = f" seen at {', '.join(sighting.at)}" if sighting.at else ""
    not_at = f" not at {', '.join(sighting.not_at)}" if sighting.not_at else ""
    marked = ", marked as pending" if sighting.is_marked else ""
    return (
        f"{read.reader} read {values} at {ledger.timeline.seconds(read.at_ns):.3f} s; "
        f"{sighting.tx}{at}{' and' if at and not_at else ''}{not_at}{marked}"
    )


def _sums(ledger: Ledger, observed: Sequence[Observed]) -> Iterator[Finding]:
    for each in observed:
        offs = each.offs
        if not offs:
            continue
        tx = next((tx for wrong in each.examples for tx in wrong.half_seen), None)
        told = sorted(each.examples, key=lambda wrong: not wrong.half_seen)
        yield Finding(
            checker=NAME,
            claim=CLAIM,
            summary=(
                f"{len(offs)} of {count(each.complete, 'read')} of {each.reader.name} do not add up "
                f"to {each.reader.total}: off by {min(offs)} to {max(offs)}"
            ),
            subjects=(each.reader.name,),
            evidence=tuple(_sum_words(ledger, wrong) for wrong in told[:_SHOWN]),
            tx=tx,
        )


def _sum_words(ledger: Ledger, wrong: WrongSum) -> str:
    read = wrong.read
    values = " + ".join(f"{answer.participant} {answer.value}" for answer in read.answers)
    half = f"; not whole in it: {listed(wrong.half_seen)}" if wrong.half_seen else ""
    at_s = ledger.timeline.seconds(read.at_ns)
    return f"{read.reader} read {values} at {at_s:.3f} s, off by {wrong.off}{half}"


def _is_claimed(contract: Contract) -> bool:
    return contract.isolation is not Isolation.NONE


CHECKER: Final = Checker(
    name=NAME,
    claim=CLAIM,
    judge=judge,
    is_claimed=_is_claimed,
    premises=(Premise.OBSERVED, Premise.COMPLETE),
)
