"""The clients' operations: one for each submitted transaction, joined from its entries."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dtx.core.history import Accepted, Completed, FieldValue, HistoryEntry, Invoked, Outcome
from dtx.core.observation import OutcomeRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One submitted transaction; times are monotonic ns.

    Attributes:
        completed_ns: None if the history ends before it did; the outcome is then `info`.
        outcome: what the client learned.
        told: the outcome, or where that is `info`, what the system said of it once quiet.
        accepted: time and status of the first "under way".
    """

    tx: str
    value: Mapping[str, FieldValue]
    intended_ns: int
    invoked_ns: int
    completed_ns: int | None
    outcome: Outcome
    told: Outcome
    status: int | None = None
    detail: str = ""
    accepted: tuple[int, int] | None = None

    def until_ns(self, history_end_ns: int) -> int:
        """Return when it was no longer under way."""
        return history_end_ns if self.completed_ns is None else self.completed_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """All operations by transaction, in order of invoke, and what is not well-formed, in words."""

    by_tx: Mapping[str, Operation]
    malformed: tuple[str, ...]


def join_operations(history: Sequence[HistoryEntry], outcomes: Iterable[OutcomeRow]) -> Operations:
    """Join invoke, accepted and completion of each transaction; of doubles the first counts."""
    invokes: dict[str, Invoked] = {}
    accepted: dict[str, Accepted] = {}
    completions: dict[str, Completed] = {}
    malformed: list[str] = []
    for entry in history:
        match entry:
            case Invoked():
                if invokes.setdefault(entry.tx, entry) is not entry:
                    malformed.append(f"{entry.tx} is invoked twice")
            case Accepted():
                accepted.setdefault(entry.tx, entry)
            case Completed():
                if completions.setdefault(entry.tx, entry) is not entry:
                    malformed.append(f"{entry.tx} has two completions")
            case _:
                pass
    malformed.extend(
        f"{tx} has a completion and no invoke" for tx in completions if tx not in invokes
    )
    said = {row.tx: Outcome(row.outcome) for row in outcomes}
    ordered = sorted(invokes.values(), key=lambda invoke: (invoke.at_ns, invoke.tx))
    return Operations(
        by_tx={
            invoke.tx: _join(
                invoke,
                accepted.get(invoke.tx),
                completions.get(invoke.tx),
                said.get(invoke.tx, Outcome.INFO),
            )
            for invoke in ordered
        },
        malformed=tuple(malformed),
    )


def _join(
    invoke: Invoked, accepted: Accepted | None, completion: Completed | None, said: Outcome
) -> Operation:
    outcome = Outcome.INFO if completion is None else completion.outcome
    return Operation(
        tx=invoke.tx,
        value=invoke.value,
        intended_ns=invoke.intended_ns,
        invoked_ns=invoke.at_ns,
        completed_ns=None if completion is None else completion.at_ns,
        outcome=outcome,
        told=said if outcome is Outcome.INFO else outcome,
        status=None if completion is None else completion.status,
        detail="" if completion is None else completion.detail,
        accepted=None if accepted is None else (accepted.at_ns, accepted.status),
    )
