"""History and observations of one run, joined once, for all checkers to read."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from dtx.config.model import Client, Contract, Reader, System
from dtx.core.history import HistoryEntry, Read, Wait
from dtx.core.observation import DecisionRow, EffectRow, PendingRow, PreparedRow, Shape
from dtx.core.run_folder import Observations, Plan
from dtx.verify.branches import Blocking, join_branches, transaction_of
from dtx.verify.effects import StepTally, tally_effects
from dtx.verify.operations import Operation, join_operations
from dtx.verify.timeline import Timeline, build_timeline

if TYPE_CHECKING:
    from dtx.verify.reads import Observed

R = TypeVar("R")

_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """What is known of a run.

    Attributes:
        operations: submitted transactions, in order of invoke.
        malformed: what in the history contradicts itself, in words.
        expected: tx -> participant -> the net amount that it leaves there when committed.
        parties: tx -> participants with an expected amount other than 0: all of them, or none.
        present: tx -> those of its parties where a step of it stands.
        rows, tallies: effect rows by tx, also of transactions that nobody submitted.
        pending: rows by tx of what a participant still had open at the end.
        prepared: branches still prepared at the end, by the transaction that their name names.
        decisions: what decision logs say, by the transaction that it is said of.
        client: what was submitted, and how.
        blocking: prepared branches that stayed in doubt.
        readers: the reading clients, by name.
        reads: what they recorded, in order.
        waits: who was seen to wait for whom inside a database, in the order in which it was over.
        is_showing_waits: whether a database says who waits.
        has_observations: whether the run came so far that all rows were read.
    """

    contract: Contract
    client: Client
    blocking: Blocking
    timeline: Timeline
    operations: Mapping[str, Operation]
    malformed: tuple[str, ...]
    expected: Mapping[str, Mapping[str, int]]
    parties: Mapping[str, frozenset[str]]
    present: Mapping[str, frozenset[str]]
    rows: Mapping[str, Sequence[EffectRow]]
    tallies: Mapping[str, Sequence[StepTally]]
    pending: Mapping[str, Sequence[PendingRow]]
    prepared: Mapping[str, Sequence[PreparedRow]]
    decisions: Mapping[str, Sequence[DecisionRow]]
    readers: Mapping[str, Reader]
    reads: Sequence[Read]
    waits: Sequence[Wait]
    is_showing_waits: bool
    observations: Observations
    has_observations: bool

    @cached_property
    def observed_reads(self) -> "tuple[Observed, ...]":
        """What each reader saw, joined with what became of it; walked through once, for all who ask."""
        from dtx.verify.reads import observe_reads  # noqa: PLC0415 (it reads a ledger)

        return observe_reads(self)

    @property
    def is_judging_participants(self) -> bool:
        """Whether the system's file says which databases take part."""
        return not self.operations or any(self.parties.values())

    def is_committed(self, tx: str) -> bool:
        """Whether it is present at every party."""
        parties = self.parties[tx]
        return bool(parties) and self.present[tx] == parties

    def is_partial(self, tx: str) -> bool:
        """Whether it is present at some parties and not at others."""
        return bool(self.present[tx]) and self.present[tx] != self.parties[tx]


def build_ledger(
    plan: Plan,
    system: System,
    history: Sequence[HistoryEntry],
    observations: Observations | None,
) -> Ledger:
    """Join everything, in time linear in entries and rows."""
    seen = observations or Observations()
    operations = join_operations(history, seen.outcomes)
    effects = tally_effects(seen.effects)
    expected = {tx: _expected(system.client, op) for tx, op in operations.by_tx.items()}
    # Few sets differ: equal ones are shared, so that a long history stays small in memory.
    shared: dict[frozenset[str], frozenset[str]] = {_NOTHING: _NOTHING}
    parties: dict[str, frozenset[str]] = {}
    present: dict[str, frozenset[str]] = {}
    for tx, amounts in expected.items():
        party = frozenset(name for name, amount in amounts.items() if amount != 0)
        parties[tx] = party = shared.setdefault(party, party)
        here = frozenset(
            t.participant
            for t in effects.tallies.get(tx, ())
            if t.is_present and t.participant in party
        )
        present[tx] = shared.setdefault(here, here)
    return Ledger(
        contract=system.contract,
        client=system.client,
        blocking=join_branches(history, operations.by_tx),
        timeline=build_timeline(plan.schedule, history),
        operations=operations.by_tx,
        malformed=operations.malformed,
        expected=expected,
        parties=parties,
        present=present,
        rows=effects.rows,
        tallies=effects.tallies,
        pending=_by_tx(seen.pending, lambda row: row.tx),
        prepared=_by_tx(
            seen.prepared, lambda row: transaction_of(row.name or row.gid, operations.by_tx)
        ),
        decisions=_by_tx(seen.decisions, lambda row: transaction_of(row.subject, operations.by_tx)),
        readers=system.readers,
        reads=[entry for entry in history if isinstance(entry, Read)],
        waits=[entry for entry in history if isinstance(entry, Wait)],
        is_showing_waits=any(Shape.WAITS in d.observe for d in system.databases.values()),
        observations=seen,
        has_observations=observations is not None,
    )


def _expected(client: Client, operation: Operation) -> dict[str, int]:
    return {name: amount.value(operation.value) for name, amount in client.participants.items()}


def _by_tx(rows: Iterable[R], tx_of: Callable[[R], str | None]) -> dict[str, list[R]]:
    """Sort rows by transaction; those of none are left out."""
    found: dict[str, list[R]] = {}
    for row in rows:
        tx = tx_of(row)
        if tx is not None:
            found.setdefault(tx, []).append(row)
    return found
