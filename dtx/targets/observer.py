"""Reads what the participants of one environment say: all rows once quiet, and what is still open until then."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dtx.config.model import Invariant, Query, System
from dtx.core.errors import ConfigError, DtxError
from dtx.core.observation import InvariantRow, ResidueRow, Shape, Side
from dtx.core.run_folder import Observations
from dtx.targets import observing, side_by_side
from dtx.targets.database import Answer, DatabaseTarget

CHECK_WITHIN_S = 5
"""For one query on the fresh schema, where there is next to nothing to read."""

CHECK_HINT = (
    "queries may only read; each is tried once on the fresh schema before anything is submitted"
)


class Observer:
    """Asks the databases directly, never through a proxy, in read-only transactions."""

    def __init__(self, system: System, databases: Mapping[str, DatabaseTarget]) -> None:
        self._system = system
        self._databases = databases

    def check(self) -> None:
        """Run every query once, before anything is submitted: what can't work is the file's error, not the system's.

        Raises:
            ConfigError: a query fails, writes, takes too long, or has other columns or values than its shape.
            ProvisionError: a database does not answer.
        """
        side_by_side.each(self._check_database, self._databases.values())

    def _check_database(self, target: DatabaseTarget) -> None:
        database = self._system.databases[target.name]
        where = f"[databases.{target.name}.observe]"
        with target.asking(CHECK_WITHIN_S) as ask:
            for shape, columns, read in (
                (Shape.EFFECTS, observing.EFFECT_COLUMNS, observing.effect_rows),
                (Shape.PENDING, observing.PENDING_COLUMNS, observing.pending_rows),
                (Shape.DECISIONS, observing.DECISION_COLUMNS, observing.decision_rows),
                (Shape.WAITS, observing.WAIT_COLUMNS, observing.wait_rows),
            ):
                if shape in database.observe:
                    query = database.observe[shape]
                    read(target.name, _checked(f"{where} {shape.value}", ask, query, columns))
            for name, query in database.residue.items():
                where_residue = f"[databases.{target.name}.residue] {name}"
                rows = _checked(where_residue, ask, query, ("(count)", (1,)))
                observing.residue_count(target.name, name, rows)
            for invariant, side, asked in self._invariant_queries():
                if asked.database != target.name:
                    continue
                where_invariant = f"[[contract.invariants]] {invariant.name!r} {side.value}"
                rows = _checked(where_invariant, ask, asked.sql, observing.INVARIANT_COLUMNS)
                observing.invariant_rows(invariant.name, side, rows)

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

        def count(target: DatabaseTarget) -> int:
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
            prepared=tuple(row for part in parts for row in part.prepared),
            decisions=tuple(row for part in parts for row in part.decisions),
            residue=tuple(row for part in parts for row in part.residue),
            invariants=tuple(invariants),
            errors=(*(error for part in parts for error in part.errors), *errors),
        )

    def _observe_database(self, target: DatabaseTarget) -> Observations:
        observe = self._system.databases[target.name].observe
        found: dict[str, list[object]] = {
            "effects": [],
            "pending": [],
            "prepared": [],
            "decisions": [],
            "residue": [],
        }
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
        if Shape.DECISIONS in observe:
            log = observe[Shape.DECISIONS]
            read("decisions", lambda: [*observing.decision_rows(target.name, target.query(log))])
        read("prepared", lambda: [*target.prepared()])
        read("residue", lambda: [*self._residue(target)])
        return Observations(errors=tuple(errors), **found)  # type: ignore[arg-type]

    def _residue(self, target: DatabaseTarget) -> list[ResidueRow]:
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
        for invariant, side, query in self._invariant_queries():
            try:
                cells = self._databases[query.database].query(query.sql)
                rows.extend(observing.invariant_rows(invariant.name, side, cells))
            except DtxError as error:
                errors.append(error.message)
        return rows, errors

    def _invariant_queries(self) -> Iterator[tuple[Invariant, Side, Query]]:
        for invariant in self._system.contract.invariants:
            for side, queries in ((Side.LEFT, invariant.left), (Side.RIGHT, invariant.right)):
                if not isinstance(queries, int):
                    yield from ((invariant, side, query) for query in queries)

    def _open_in(self, target: DatabaseTarget) -> dict[str, int]:
        database = self._system.databases[target.name]
        found: dict[str, int] = {}
        if Shape.PENDING in database.observe:
            [count] = target.counts([database.observe[Shape.PENDING]])
            found[f"{target.name}: pending"] = count
        found[f"{target.name}: prepared branches"] = len(target.prepared())
        for row in self._residue(target):
            found[f"{target.name}: {row.name}"] = row.count
        return {words: count for words, count in found.items() if count}


def _checked(
    where: str, ask: Callable[[str], Answer], query: str, wanted: tuple[str, tuple[int, ...]]
) -> list[tuple[Any, ...]]:
    try:
        columns, rows = ask(query)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error.message}", hint=CHECK_HINT) from error
    observing.check_columns(where, columns, wanted)
    return rows
