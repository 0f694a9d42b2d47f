"""Reads what the participants of one environment say: all rows once quiet, and what is still open until then."""

from collections.abc import Callable, Mapping

from dtx.config.model import System
from dtx.core.errors import DtxError
from dtx.core.observation import InvariantRow, ResidueRow, Shape, Side
from dtx.core.run_folder import Observations
from dtx.targets import observing, side_by_side
from dtx.targets.postgres import PostgresTarget


class Observer:
    """Asks the databases directly, never through a proxy, in read-only transactions."""

    def __init__(self, system: System, databases: Mapping[str, PostgresTarget]) -> None:
        self._system = system
        self._databases = databases

    def open_counts(self) -> dict[str, int]:
        """Return what keeps the system from being quiet: words -> how many, only what is not 0.

        Raises:
            ProvisionError: a database does not answer.
        """
        found: dict[str, int] = {}
        for part in side_by_side.each(self._open_in, self._databases.values()):
            found |= part
        return found

    def effect_count(self) -> int:
        """Return how many rows of shape effects there are, for the live view and for quiet."""

        def count(target: PostgresTarget) -> int:
            query = self._system.databases[target.name].observe.get(Shape.EFFECTS)
            return sum(target.counts([query])) if query else 0

        return sum(side_by_side.each(count, self._databases.values()))

    def observe(self) -> Observations:
        """Read all rows of all shapes; queries that fail are recorded as errors, not raised."""
        parts = side_by_side.each(self._observe_database, self._databases.values())
        invariants, errors = self._observe_invariants()
        return Observations(
            effects=tuple(row for part in parts for row in part.effects),
            pending=tuple(row for part in parts for row in part.pending),
            residue=tuple(row for part in parts for row in part.residue),
            invariants=tuple(invariants),
            errors=(*(error for part in parts for error in part.errors), *errors),
        )

    def _observe_database(self, target: PostgresTarget) -> Observations:
        observe = self._system.databases[target.name].observe
        found: dict[str, list[object]] = {"effects": [], "pending": [], "residue": []}
        errors: list[str] = []

        def attempt(action: Callable[[], None]) -> None:
            try:
                action()
            except DtxError as error:
                errors.append(error.message)

        def read(name: str, rows: Callable[[], list[object]]) -> None:
            attempt(lambda: found[name].extend(rows()))

        if Shape.EFFECTS in observe:
            query = observe[Shape.EFFECTS]
            read("effects", lambda: [*observing.effect_rows(target.name, target.query(query))])
        if Shape.PENDING in observe:
            pending = observe[Shape.PENDING]
            read("pending", lambda: [*observing.pending_rows(target.name, target.query(pending))])
        read("residue", lambda: [*self._residue(target)])
        return Observations(errors=tuple(errors), **found)  # type: ignore[arg-type]

    def _residue(self, target: PostgresTarget) -> list[ResidueRow]:
        return [
            ResidueRow(
                participant=target.name,
                name=name,
                count=observing.residue_count(target.name, name, target.query(query)),
            )
            for name, query in self._system.databases[target.name].residue.items()
        ]

    def _observe_invariants(self) -> tuple[list[InvariantRow], list[str]]:
        rows: list[InvariantRow] = []
        errors: list[str] = []
        for invariant in self._system.contract.invariants:
            for side, query in ((Side.LEFT, invariant.left), (Side.RIGHT, invariant.right)):
                if isinstance(query, int):
                    continue
                try:
                    cells = self._databases[query.database].query(query.sql)
                    rows.extend(observing.invariant_rows(invariant.name, side, cells))
                except DtxError as error:
                    errors.append(error.message)
        return rows, errors

    def _open_in(self, target: PostgresTarget) -> dict[str, int]:
        database = self._system.databases[target.name]
        found: dict[str, int] = {}
        if Shape.PENDING in database.observe:
            [count] = target.counts([database.observe[Shape.PENDING]])
            found[f"{target.name}: pending"] = count
        for row in self._residue(target):
            found[f"{target.name}: {row.name}"] = row.count
        return {words: count for words, count in found.items() if count}
