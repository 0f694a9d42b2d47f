"""What the participants' rows add up to, for each transaction and step."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dtx.core.observation import Effect, EffectRow


@dataclass(slots=True, kw_only=True)
class StepTally:
    """The rows of one (tx, participant, step), added up; filled while the rows are read, then only read.

    Amounts are sums over the rows; times are those of the first row, wall-clock ns.
    """

    participant: str
    step: str
    applied: int = 0
    undone: int = 0
    applied_amount: int = 0
    undone_amount: int = 0
    applied_at_ns: int | None = None
    undone_at_ns: int | None = None

    @property
    def is_present(self) -> bool:
        """Whether the step stands: applied and not undone, however often."""
        return self.applied > 0 and self.undone == 0

    def add(self, row: EffectRow) -> None:
        """Count one row."""
        if row.effect is Effect.APPLIED:
            self.applied += 1
            self.applied_amount += row.amount
            self.applied_at_ns = _earlier(self.applied_at_ns, row.at_ns)
        else:
            self.undone += 1
            self.undone_amount += row.amount
            self.undone_at_ns = _earlier(self.undone_at_ns, row.at_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """Rows and tallies by transaction, in the order in which the rows were read."""

    rows: Mapping[str, list[EffectRow]]
    tallies: Mapping[str, list[StepTally]]


def tally_effects(rows: Iterable[EffectRow]) -> Effects:
    """Add up all rows, in one pass."""
    by_tx: dict[str, list[EffectRow]] = {}
    tallies: dict[str, list[StepTally]] = {}
    for row in rows:
        of_tx = tallies.get(row.tx)
        if of_tx is None:
            of_tx = tallies[row.tx] = []
            by_tx[row.tx] = []
        by_tx[row.tx].append(row)
        _tally_of(of_tx, row).add(row)
    return Effects(rows=by_tx, tallies=tallies)


def _tally_of(tallies: list[StepTally], row: EffectRow) -> StepTally:
    # A transaction has a handful of steps: a search is cheaper than one more dictionary for each.
    for tally in tallies:
        if tally.step == row.step and tally.participant == row.participant:
            return tally
    tally = StepTally(participant=row.participant, step=row.step)
    tallies.append(tally)
    return tally


def _earlier(one_ns: int | None, other_ns: int | None) -> int | None:
    if one_ns is None or other_ns is None:
        return other_ns if one_ns is None else one_ns
    return min(one_ns, other_ns)
