"""Where each saga stands, in the coordinator's database: all that recovery knows, and all that it needs."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic

import msgspec

from dtx.patterns.common.crash_points import crash_point
from dtx.patterns.common.database import Database
from dtx.patterns.common.narration import tell
from dtx.patterns.saga.definition import STARTED, D, SagaDefinition, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Saga(Generic[D]):
    """What was asked for, and the state that was committed for it."""

    data: D
    state: State

    @property
    def tx(self) -> str:
        """The transaction's id."""
        return self.data.tx


class Statements(Generic[D]):
    """The SQL for one kind of saga; its names come from the definition, never from a client.

    `movable` is the compare-and-set: of several who believe that the saga is in `old`, one moves it.
    """

    movable: ClassVar[str] = "tx = %(tx)s and state = %(old)s"

    def __init__(self, definition: SagaDefinition[D]) -> None:
        self.fields = definition.data.__struct_fields__
        table, effects, confirmation = (
            definition.table,
            definition.effects,
            definition.confirmation,
        )
        self.start = f"""
            with placed as (
                insert into {table} ({", ".join(self.fields)})
                values ({", ".join(f"%({field})s" for field in self.fields)})
                on conflict do nothing
                returning tx
            ), started as (
                insert into sagas (tx, state) select tx, '{STARTED}' from placed returning tx
            )
            insert into saga_log (tx, seq, entry) select tx, 1, '{STARTED}' from started
        """
        # All that becomes true with the new state is in the same statement, and happens only if the move does.
        moved = f"""
            with moved as (
                update sagas set state = %(new)s, entries = entries + 1, stuck_since = null
                where {self.movable}
                returning tx, entries
            ), logged as (
                insert into saga_log (tx, seq, entry) select tx, entries, %(entry)s from moved
            )
        """
        ended = f"update {table} set status = %(new)s from moved where {table}.tx = moved.tx"
        self.move = f"{moved} select tx from moved"
        self.reject = f"{moved} {ended}"
        self.confirm = f"""
            {moved}, ended as ({ended})
            insert into {effects} (tx, step, effect, amount)
            select tx, '{confirmation}', 'applied', 1 from moved
        """
        sagas = f"select s.state, {', '.join(self.fields)} from sagas s join {table} using (tx)"
        ends = ", ".join(f"'{end}'" for end in definition.ends)
        self.load = f"{sagas} where tx = %(tx)s"
        self.unfinished = f"{sagas} where s.state not in ({ends})"


class SagaLog(Generic[D]):
    """The table of sagas with their log. Everything here is committed when its call returns."""

    def __init__(
        self,
        definition: SagaDefinition[D],
        database: Database,
        *,
        statements: Statements[D] | None = None,
    ) -> None:
        self._definition = definition
        self._statements = statements or Statements(definition)
        self._database = database

    async def start(self, data: D) -> bool:
        """Store what is asked for as PENDING and start its saga; return False if `tx` is there already.

        Raises:
            psycopg.Error: unknown whether it was started; if so, `unfinished` has it.
        """
        crash_point("before-log-started", data.tx)
        parameters = msgspec.structs.asdict(data)
        is_new = await self._database.execute(self._statements.start, parameters) == 1
        crash_point("after-log-started", data.tx)
        return is_new

    async def move(self, saga: Saga[D], new: State, why: str) -> Saga[D] | None:
        """Take the saga from its state to `new`; None if it is not in its state (any more).

        Raises:
            psycopg.Error: unknown whether it was moved; `load` tells.
        """
        crash_point(f"before-log-{new.lower()}", saga.tx)
        parameters = {"tx": saga.tx, "old": saga.state, "new": new, "entry": f"{new}: {why}"}
        if await self._database.execute(self._statement_to(new), parameters) == 0:
            return None
        crash_point(f"after-log-{new.lower()}", saga.tx)
        tell(saga.tx, f"saga is {new}: {why}")
        return replace(saga, state=new)

    async def load(self, tx: str) -> Saga[D] | None:
        """Return the saga as it was committed last; None if there is none.

        Raises:
            psycopg.Error: the database can't be used.
        """
        rows = await self._database.fetch(self._statements.load, {"tx": tx})
        return self._saga(rows[0]) if rows else None

    async def unfinished(self) -> list[Saga[D]]:
        """Return all sagas that have not ended.

        Raises:
            psycopg.Error: the database can't be used.
        """
        rows = await self._database.fetch(self._statements.unfinished)
        return [self._saga(row) for row in rows]

    async def mark_stuck(self, saga: Saga[D]) -> None:
        """Put the saga in front of an operator, until it moves again.

        Raises:
            psycopg.Error: the database can't be used.
        """
        await self._database.execute(
            "update sagas set stuck_since = coalesce(stuck_since, clock_timestamp())"
            " where tx = %(tx)s and state = %(state)s",
            {"tx": saga.tx, "state": saga.state},
        )

    def _statement_to(self, new: State) -> str:
        if new == self._definition.confirmed:
            return self._statements.confirm
        return (
            self._statements.reject if new == self._definition.rejected else self._statements.move
        )

    def _saga(self, row: tuple[Any, ...]) -> Saga[D]:
        state, *values = row
        data = self._definition.data(**dict(zip(self._statements.fields, values, strict=True)))
        return Saga(data=data, state=state)
