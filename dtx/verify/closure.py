"""Operations by outcome, and what became of the unknown ones, from the participants' own rows."""

import re
from collections import Counter

from dtx.core.history import Outcome
from dtx.core.verdict import Counts
from dtx.verify.ledger import Ledger
from dtx.verify.operations import Operation

_REASONS = 3
_LONGEST_REASON = 80
_SERVER_ERROR = 500
_ERROR = re.compile(r'"error": ?"([^":]{1,60})')
"""What a body says, as many systems write it, up to a colon: what follows differs from one to the next."""


def count_operations(ledger: Ledger) -> Counts:
    """Count; unknown ones are closed only if the rows were read."""
    operations = ledger.operations.values()
    reasons = Counter(_reason(o) for o in operations if o.outcome is Outcome.INFO)
    outcomes = Counter(operation.outcome for operation in ledger.operations.values())
    told = Counter(each.told for each in operations if each.outcome is Outcome.INFO)
    closed = Counter(
        _closed(ledger, tx)
        for tx, operation in ledger.operations.items()
        if operation.outcome is Outcome.INFO and ledger.has_observations
    )
    return Counts(
        submitted=len(ledger.operations),
        ok=outcomes[Outcome.OK],
        fail=outcomes[Outcome.FAIL],
        info=outcomes[Outcome.INFO],
        info_committed=closed["committed"],
        info_absent=closed["absent"],
        info_partial=closed["partial"],
        info_prepared=closed["prepared"],
        told_ok=told[Outcome.OK],
        told_fail=told[Outcome.FAIL],
        warm_up=sum(each.invoked_ns < ledger.timeline.main_ns for each in operations),
        compensated=sum(
            any(tally.undone for tally in ledger.tallies.get(tx, ())) for tx in ledger.operations
        ),
        info_reasons=dict(reasons.most_common(_REASONS)),
    )


def _reason(operation: Operation) -> str:
    """Return why the client learned nothing, in words that are the same for all of its kind."""
    if operation.completed_ns is None:
        return "the run ended before an answer came"
    if operation.status is not None and operation.detail.startswith(f"HTTP {operation.status}"):
        unnamed = ", which [client] ok, fail and accepted do not name"
        said = _ERROR.search(operation.detail)
        error = f": {said.group(1)}" if said else ""
        return f"HTTP {operation.status}{unnamed if operation.status < _SERVER_ERROR else error}"
    return operation.detail.partition(":")[0][:_LONGEST_REASON] or "no answer"


def _closed(ledger: Ledger, tx: str) -> str:
    if ledger.is_committed(tx):
        return "committed"
    if ledger.is_partial(tx):
        return "partial"
    return "prepared" if tx in ledger.prepared else "absent"
