"""Convergence: once healed, everything ends within the contract's time (I6).

Two different findings: it never ended (frozen, in doubt), or it ended late.

Time is the machine's too: where other programs had much of the processors, what is late, or goes on but slowly, accuses
nobody. What does not move at all any more for as long as the contract allows is stuck on any machine.
"""

from collections.abc import Iterator
from typing import Final

from dtx.config.model import Contract
from dtx.core.history import QuietEvent
from dtx.core.verdict import Finding
from dtx.verify.branches import transaction_of
from dtx.verify.check import Checker, Judgement, Premise, convict
from dtx.verify.excuse import excuse_for_lateness
from dtx.verify.ledger import Ledger
from dtx.verify.words import evidence_rows

NAME: Final = "convergence"
CLAIM: Final = "once the faults are healed, all transactions end within the contract's time"

_SHOWN_REMAINING = 10


def judge(ledger: Ledger) -> Judgement:
    """Convict transactions still open when the wait ended, and a quiet that came too late."""
    quiet = ledger.timeline.quiet
    judged = len(ledger.operations)
    if quiet is None:
        return Judgement(
            judged=0, undecided="the run ended before it had waited for the system to be quiet"
        )
    findings = _findings(ledger, quiet)
    excuse = excuse_for_lateness(ledger) if findings else ""
    if excuse:
        return Judgement(judged=judged, undecided=f"{findings[0].summary}, but {excuse}")
    accuses = any(finding.tx is not None for finding in findings)
    tx = _longest_open(ledger, quiet) if findings and not accuses else None
    return Judgement(judged=judged, findings=findings, tx=tx)


def _findings(ledger: Ledger, quiet: QuietEvent) -> tuple[Finding, ...]:
    frozen = convict(
        ledger,
        checker=NAME,
        claim=CLAIM,
        guilty=(tx for tx in ledger.pending if tx in ledger.operations),
        deed=f"still open {quiet.waited_s:.1f} s after healing (frozen or in doubt)",
        evidence=lambda tx: (*_open_at(ledger, tx), *evidence_rows(ledger, tx)),
    )
    if frozen:
        return frozen
    if not quiet.is_quiet:
        return (_never_quiet(ledger, quiet),)
    limit_s = ledger.contract.converges_within_s
    return (_late(quiet, limit_s),) if limit_s is not None and quiet.waited_s > limit_s else ()


def _open_at(ledger: Ledger, tx: str) -> list[str]:
    lines: list[str] = []
    for row in ledger.pending[tx]:
        since_ns = ledger.timeline.from_wall(row.since_ns)
        since = "" if since_ns is None else f" since {ledger.timeline.seconds(since_ns):.3f} s"
        lines.append(f"{row.participant}: still open{since}")
    return lines


def _never_quiet(ledger: Ledger, quiet: QuietEvent) -> Finding:
    remaining = quiet.remaining or ("what was still open was not recorded",)
    left = [*_left_prepared(ledger)]
    return Finding(
        checker=NAME,
        claim=CLAIM,
        summary=f"not quiet {quiet.waited_s:.1f} s after healing: {remaining[0]}",
        subjects=remaining,
        evidence=(*remaining[:_SHOWN_REMAINING], *left[:_SHOWN_REMAINING]),
    )


def _longest_open(ledger: Ledger, quiet: QuietEvent) -> str | None:
    """Return of those that wait for an answer when the wait is over, or are prepared in the end, the one submitted first."""
    if quiet.is_quiet:
        return None
    end_ns = ledger.timeline.end_ns
    return next(
        (
            tx
            for tx, operation in ledger.operations.items()
            if operation.until_ns(end_ns) >= quiet.at_ns or tx in ledger.prepared
        ),
        None,
    )


def _left_prepared(ledger: Ledger) -> Iterator[str]:
    """Yield what is prepared in the end. A stranger's counts too: which names are the system's own, nobody told dtx."""
    for row in ledger.observations.prepared:
        name = row.name or row.gid
        tx = transaction_of(name, ledger.operations)
        whose = "which names no transaction of this run" if tx is None else f"of {tx}"
        yield f"{row.participant}: {name} is prepared, {whose}"


def _late(quiet: QuietEvent, limit_s: float) -> Finding:
    words = f"quiet after {quiet.waited_s:.1f} s, the contract says within {limit_s:g} s"
    return Finding(
        checker=NAME, claim=CLAIM, summary=f"late: {words}", subjects=(), evidence=(words,)
    )


def _is_claimed(contract: Contract) -> bool:
    return contract.converges_within_s is not None


CHECKER: Final = Checker(
    name=NAME,
    claim=CLAIM,
    judge=judge,
    is_claimed=_is_claimed,
    premises=(Premise.HEALED,),
)
