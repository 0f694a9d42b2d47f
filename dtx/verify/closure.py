"""Operations by outcome, and what became of the unknown ones, from the participants' own rows."""

from collections import Counter

from dtx.core.history import Outcome
from dtx.core.verdict import Counts
from dtx.verify.ledger import Ledger


def count_operations(ledger: Ledger) -> Counts:
    """Count; unknown ones are closed only if the rows were read."""
    outcomes = Counter(operation.outcome for operation in ledger.operations.values())
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
        compensated=sum(
            any(tally.undone for tally in ledger.tallies.get(tx, ())) for tx in ledger.operations
        ),
    )


def _closed(ledger: Ledger, tx: str) -> str:
    if ledger.is_committed(tx):
        return "committed"
    return "partial" if ledger.is_partial(tx) else "absent"
