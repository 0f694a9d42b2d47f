"""Whom to look at first when only sums are broken: an invariant over keys names no transaction, but some touched the key.

Nobody is accused here. What makes a transaction stand out is how it ended, whether its own amount is just what is wrong
with the sum, and whether it met a fault.
"""

from collections.abc import Iterator, Mapping

from dtx.config.model import Invariant
from dtx.core.history import Outcome
from dtx.core.observation import Effect
from dtx.core.verdict import Suspect
from dtx.verify.ledger import Ledger
from dtx.verify.operations import Operation

Touched = Mapping[str, Operation]
"""tx -> what was submitted, in order of invoke."""


def find_suspect(ledger: Ledger, invariant: Invariant, off_by: Mapping[str, int]) -> Suspect | None:
    """Return the likeliest of the transactions that touched a broken key; None if the file names no keys.

    Args:
        ledger: the run.
        invariant: the one that is broken.
        off_by: its broken keys, and by how much the left side differs from the right one there.
    """
    touched = _touched(ledger, invariant, off_by)
    ranked = (
        (_rank(ledger, invariant, off_by[key], operation), len(operations), key, operation)
        for key, operations in touched.items()
        for operation in operations.values()
    )
    best = min(
        ranked, key=lambda found: (*found[:3], found[3].invoked_ns, found[3].tx), default=None
    )
    if best is None:
        return None
    _, _, key, operation = best
    strange = [tx for tx, other in touched[key].items() if _is_strange(ledger, other)]
    return Suspect(
        tx=operation.tx,
        key=key,
        touched=len(touched[key]),
        strange=tuple(strange),
        difference_at=_difference_at(ledger, invariant, off_by[key], operation.tx),
    )


def _touched(
    ledger: Ledger, invariant: Invariant, off_by: Mapping[str, int]
) -> Mapping[str, Touched]:
    """Return who touched each broken key, as far as the file tells; a scalar's key is "", touched by all who take part."""
    found: dict[str, dict[str, Operation]] = {}
    databases = _databases(invariant)
    for operation in ledger.operations.values():
        for database in databases:
            for key in _keys(ledger, database, operation):
                if key in off_by:
                    found.setdefault(key, {})[operation.tx] = operation
    return found


def _keys(ledger: Ledger, database: str, operation: Operation) -> Iterator[str]:
    if database in ledger.parties[operation.tx]:
        yield ""
    for field in ledger.client.keys.get(database, ()):
        if field in operation.value:
            yield str(operation.value[field])


def _databases(invariant: Invariant) -> Mapping[str, None]:
    right = () if isinstance(invariant.right, int) else invariant.right
    return dict.fromkeys(query.database for query in (*invariant.left, *right))


def _rank(
    ledger: Ledger, invariant: Invariant, off_by: int, operation: Operation
) -> tuple[bool, ...]:
    """Return what tells the likely from the unlikely, the likeliest first."""
    tx = operation.tx
    until_ns = operation.until_ns(ledger.timeline.end_ns)
    met = any(w.overlaps(operation.invoked_ns, until_ns) for w in ledger.timeline.windows)
    return (
        not _is_strange(ledger, operation),
        not _difference_at(ledger, invariant, off_by, tx),
        _is_traceless(ledger, operation),
        not met,
        not _has_undone(ledger, tx),
    )


def _is_strange(ledger: Ledger, operation: Operation) -> bool:
    """Whether it is anything but ok and whole in the end; a client that learned so late, or never, makes it no less so."""
    tx = operation.tx
    parties = ledger.parties[tx]
    is_ok = operation.told is Outcome.OK or (operation.told is Outcome.INFO and bool(parties))
    is_whole = ledger.present[tx] == parties and tx not in ledger.pending
    return not (is_ok and is_whole) or _has_undone(ledger, tx)


def _is_traceless(ledger: Ledger, operation: Operation) -> bool:
    """Whether in the end neither the system nor a participant knows anything of it: most likely it never arrived."""
    by_tx = (ledger.rows, ledger.pending, ledger.prepared, ledger.decisions)
    return operation.told is Outcome.INFO and not any(operation.tx in known for known in by_tx)


def _has_undone(ledger: Ledger, tx: str) -> bool:
    return any(row.effect is Effect.UNDONE for row in ledger.rows.get(tx, ()))


def _difference_at(ledger: Ledger, invariant: Invariant, off_by: int, tx: str) -> str:
    """Return the database where the transaction's own amount is just the difference; "" if there is none."""
    if invariant.compare != "=":
        return ""
    amounts = ledger.expected[tx]
    return next((d for d in _databases(invariant) if abs(amounts.get(d, 0)) == abs(off_by)), "")
