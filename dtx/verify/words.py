"""How rows, answers and counts are told: plain words for people who never saw the system's code."""

from collections.abc import Iterable
from typing import assert_never

from dtx.core.history import Outcome
from dtx.core.observation import EffectRow
from dtx.verify.ledger import Ledger
from dtx.verify.operations import Operation


def count(number: int, noun: str) -> str:
    """Return `1 row`, `3 rows`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(names: Iterable[str], *, at_most: int = 4) -> str:
    """Return `a, b, c and 5 more`."""
    every = list(names)
    text = ", ".join(every[:at_most])
    return text if len(every) <= at_most else f"{text} and {len(every) - at_most} more"


def effect_words(row: EffectRow) -> str:
    """Return `debit applied, 120`."""
    return f"{row.step} {row.effect.value}, {row.amount}"


def answer_words(operation: Operation) -> str:
    """Return what the client learned in the end."""
    status = f" ({operation.status})" if operation.status is not None else ""
    detail = f": {operation.detail}" if operation.detail else ""
    match operation.outcome:
        case Outcome.OK:
            return f"is told ok{status}{detail}"
        case Outcome.FAIL:
            return f"is told refused{status}{detail}"
        case Outcome.INFO if operation.completed_ns is None:
            return "had no answer when the recording ended"
        case Outcome.INFO:
            return f"does not learn the outcome{status}{detail}"
        case _:
            assert_never(operation.outcome)


def prepared_words(ledger: Ledger, tx: str) -> str:
    """Return what to say of a participant that has a branch of it in the end."""
    decisions = dict.fromkeys(row.decision for row in ledger.decisions.get(tx, ()))
    decided = f"though {listed(decisions)} is decided" if decisions else "undecided"
    return f"holds it prepared, {decided}"


def end_words(ledger: Ledger, tx: str) -> str:
    """Return how a transaction ended: `committed, its client told ok`."""
    operation = ledger.operations.get(tx)
    if operation is None:
        return "was submitted by nobody"
    told = {
        Outcome.OK: "told ok",
        Outcome.FAIL: "told refused",
        Outcome.INFO: "told nothing for certain",
    }[operation.outcome]
    if not ledger.has_observations:
        return told
    if ledger.is_committed(tx):
        return f"committed, its client {told}"
    if ledger.is_partial(tx):
        return f"committed at some participants only, its client {told}"
    return f"{'still prepared' if tx in ledger.prepared else 'not committed'}, its client {told}"


def evidence_rows(ledger: Ledger, tx: str) -> tuple[str, ...]:
    """Return what the client was told and what each participant says, one line each."""
    lines: list[str] = []
    operation = ledger.operations.get(tx)
    if operation is not None:
        lines.append(f"client: {answer_words(operation)}")
        if operation.outcome is not operation.told:
            lines.append(f"system, asked once all was quiet: {operation.told.value}")
    rows = ledger.rows.get(tx, ())
    for row in rows:
        at_ns = ledger.timeline.from_wall(row.at_ns)
        when = "" if at_ns is None else f", at {ledger.timeline.seconds(at_ns):.3f} s"
        lines.append(f"{row.participant}: {effect_words(row)}{when}")
    prepared = sorted({row.participant for row in ledger.prepared.get(tx, ())})
    lines.extend(f"{name}: {prepared_words(ledger, tx)}" for name in prepared)
    said = {row.participant for row in rows} | {*prepared}
    lines.extend(
        f"{name}: no row of it" for name in ledger.expected.get(tx, {}) if name not in said
    )
    return tuple(lines)
