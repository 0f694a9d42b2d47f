"""Where each transaction stands, in the coordinator's database: all that recovery knows, and all that it needs.

    TRYING --confirm decided, in time--> CONFIRMING --all answered--> CONFIRMED
    TRYING --cancel decided, at any time--> CANCELLING --all answered--> CANCELLED

The move out of TRYING is the decision. It is one compare-and-set, so there is one decision, whoever makes it: the
coordinator, another one that took it for dead, or a participant that asks because its reservation has expired. To
confirm is possible only until `decide_by`, by the clock of this database; that is what lets an inquiry that comes later
presume a cancel.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import msgspec

from dtx.patterns.common.crash_points import crash_point
from dtx.patterns.common.database import Database
from dtx.patterns.common.narration import tell
from dtx.patterns.tcc.definition import Branch

DECIDE_WITHIN_S = 2.5
"""From its start on a transaction can be confirmed for so long. Reservations last longer (`participant.py`)."""


class State(StrEnum):
    """Where a transaction stands."""

    TRYING = "TRYING"
    CONFIRMING = "CONFIRMING"
    CANCELLING = "CANCELLING"
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"


ENDS: Final = frozenset({State.CONFIRMED, State.CANCELLED})
"""Where nothing is left to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tcc:
    """A transaction as it was committed last; `is_late` if it could not be confirmed any more when it was read."""

    tx: str
    state: State
    branches: tuple[Branch, ...]
    is_late: bool = False

    @property
    def is_over(self) -> bool:
        """Return whether nothing is left to do."""
        return self.state in ENDS


class TccLog:
    """The table of transactions with their log. Everything here is committed when its call returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def start(self, tx: str, branches: tuple[Branch, ...]) -> bool:
        """Store what is to be tried; return False if `tx` is there already.

        Raises:
            psycopg.Error: unknown whether it was started; if so, `unfinished` has it.
        """
        crash_point("before-log-trying", tx)
        parameters = {
            "tx": tx,
            "branches": msgspec.json.encode(branches).decode(),
            "decide_within_s": DECIDE_WITHIN_S,
        }
        is_new = await self._database.execute(_START, parameters) == 1
        crash_point("after-log-trying", tx)
        return is_new

    async def move(self, tcc: Tcc, new: State, why: str) -> Tcc | None:
        """Take the transaction from its state to `new`; None if it is in another, or too late for CONFIRMING.

        Raises:
            psycopg.Error: unknown whether it was moved; `load` tells.
        """
        crash_point(f"before-log-{new.lower()}", tcc.tx)
        parameters = {"tx": tcc.tx, "old": tcc.state, "new": new, "entry": f"{new}: {why}"}
        if await self._database.execute(_MOVE, parameters) == 0:
            return None
        crash_point(f"after-log-{new.lower()}", tcc.tx)
        tell(tcc.tx, f"is {new}: {why}")
        return replace(tcc, state=new)

    async def load(self, tx: str) -> Tcc | None:
        """Return the transaction as it was committed last; None if there is none.

        Raises:
            psycopg.Error: the database can't be used.
        """
        rows = await self._database.fetch(f"{_SELECT} where tx = %(tx)s", {"tx": tx})
        return _tcc(rows[0]) if rows else None

    async def unfinished(self) -> list[Tcc]:
        """Return all transactions that have not ended.

        Raises:
            psycopg.Error: the database can't be used.
        """
        rows = await self._database.fetch(f"{_SELECT} where {_OPEN}")
        return [_tcc(row) for row in rows]

    async def mark_stuck(self, tcc: Tcc) -> None:
        """Put the transaction in front of an operator, until it moves again.

        Raises:
            psycopg.Error: the database can't be used.
        """
        await self._database.execute(
            "update transactions set stuck_since = coalesce(stuck_since, clock_timestamp())"
            " where tx = %(tx)s and state = %(state)s",
            {"tx": tcc.tx, "state": tcc.state},
        )


_START = """
    with started as (
        insert into transactions (tx, state, branches, decide_by)
        values (%(tx)s, 'TRYING', %(branches)s, clock_timestamp() + %(decide_within_s)s * interval '1 second')
        on conflict do nothing
        returning tx
    )
    insert into transaction_log (tx, seq, entry) select tx, 1, 'TRYING' from started
"""

_MOVE = """
    with moved as (
        update transactions set state = %(new)s, entries = entries + 1, stuck_since = null
        where tx = %(tx)s and state = %(old)s
            and (%(new)s <> 'CONFIRMING' or clock_timestamp() < decide_by)
        returning tx, entries
    )
    insert into transaction_log (tx, seq, entry) select tx, entries, %(entry)s from moved
"""

_SELECT = "select tx, state, branches, decide_by <= clock_timestamp() from transactions"
_OPEN = "state not in ('CONFIRMED', 'CANCELLED')"


def _tcc(row: tuple[Any, ...]) -> Tcc:
    tx, state, branches, is_late = row
    return Tcc(
        tx=tx,
        state=State(state),
        branches=msgspec.convert(branches, type=tuple[Branch, ...]),
        is_late=is_late,
    )
