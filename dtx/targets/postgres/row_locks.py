"""Row locks that a session of the harness holds in a PostgreSQL database, and who waits for them."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from dtx.core.deadline import Deadline, poll_until
from dtx.core.errors import ConfigError, ProvisionError
from dtx.core.ports import HeldRows
from dtx.targets.postgres.connecting import OpenSession

ATTEMPTS = 5
"""Under load another session may hold some of the rows while it waits for others: a deadlock, which one of us loses."""

MOST_ROWS = 10_000
RELEASED_WITHIN_S = 2.0
COUNTED_WITHIN_S = 1.2

# The session's own time-outs are set away: whoever holds locks for a whole window is idle in its transaction.
_BEGIN = """
    begin;
    set local lock_timeout = '500ms';
    set local statement_timeout = '3s';
    set local idle_in_transaction_session_timeout = 0
"""

# Whoever waits for a row queues behind who waited before: only the first is blocked by the holder itself.
_WAITING = """
    with recursive waits as materialized (
        select pid, unnest(pg_blocking_pids(pid)) as blocker from pg_stat_activity where wait_event_type = 'Lock'
    ), behind as (
        select pid from waits where blocker = %(holder)s
        union
        select waits.pid from waits join behind on waits.blocker = behind.pid
    )
    select pid from behind
"""

# Updates for each row that was inserted since the environment was clean: rows that are there for all to update come
# first, not those that each transaction makes for itself and then changes, which nobody else waits for.
_MOST_UPDATED = """
    select quote_ident(schemaname) || '.' || quote_ident(relname)
    from pg_stat_user_tables where n_tup_upd > 0
    order by n_tup_upd::float / (n_tup_ins + 1) desc, relname limit 1
"""


@dataclass(frozen=True, slots=True)
class _Holder:
    pid: int
    stack: ExitStack


class PostgresRowLocks:
    """Implements `HeldLocks` of one database; `open_session` gives a session of the harness in it."""

    def __init__(self, name: str, open_session: OpenSession) -> None:
        self._name = name
        self._open_session = open_session
        self._holder: _Holder | None = None

    def hold(self, table: str | None) -> HeldRows:
        """Lock up to MOST_ROWS rows of the table with `select for update`, in a session that stays open."""
        if self._holder is not None:
            raise ProvisionError(f"{self._name}: rows are held already")
        with ExitStack() as stack:
            connection = stack.enter_context(self._open_session())
            name = _most_updated(connection, self._name) if table is None else table
            statement = _for_update(connection, self._name, name)
            rows = _lock(connection, statement)
            self._holder = _Holder(connection.info.backend_pid, stack.pop_all())
        return HeldRows(table=name, rows=rows)

    def waiting(self) -> frozenset[int]:
        """Return the sessions that wait for our locks, through pg_blocking_pids."""
        if self._holder is None:
            return frozenset()
        with self._open_session() as connection:
            holder = {"holder": self._holder.pid}
            return frozenset(pid for (pid,) in connection.execute(_WAITING, holder).fetchall())

    def release(self) -> None:
        """Close the session, which rolls back, and see that the server has ended it."""
        holder, self._holder = self._holder, None
        if holder is None:
            return
        holder.stack.close()
        with self._open_session() as connection:

            def is_gone() -> bool:
                there = "select 1 from pg_stat_activity where pid = %s"
                return connection.execute(there, (holder.pid,)).fetchone() is None

            if not poll_until(is_gone, Deadline.after(RELEASED_WITHIN_S), every_s=0.005):
                raise ProvisionError(
                    f"{self._name}: the session that holds the locks has not ended"
                )


def _most_updated(connection: "psycopg.Connection[Any]", database: str) -> str:
    found: list[Any] = []

    def is_known() -> bool:
        found[:] = connection.execute(_MOST_UPDATED).fetchall()
        return bool(found)

    # A backend tells its counts once a second at the most, and only when a transaction of it ends.
    if not poll_until(is_known, Deadline.after(COUNTED_WITHIN_S), every_s=0.02):
        raise ProvisionError(
            f"{database}: no table was updated so far, so none is the busiest",
            hint="name a table, or let the fault begin later",
        )
    return str(found[0][0])


def _for_update(connection: "psycopg.Connection[Any]", database: str, table: str) -> sql.Composed:
    found = connection.execute(
        "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where c.oid = to_regclass(%s) and c.relkind in ('r', 'p')",
        (table,),
    ).fetchone()
    if found is None:
        rows = connection.execute("select relname from pg_stat_user_tables order by 1").fetchall()
        there = ", ".join(str(name) for (name,) in rows) or "none"
        raise ConfigError(f"{database}: no table named {table!r}; there is: {there}")
    return sql.SQL("select from {} limit {} for update").format(
        sql.Identifier(*found), sql.Literal(MOST_ROWS)
    )


def _lock(connection: "psycopg.Connection[Any]", statement: sql.Composed) -> int:
    for attempt in range(1, ATTEMPTS + 1):
        connection.execute(_BEGIN)
        try:
            return connection.execute(statement).rowcount
        except (psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable):
            connection.execute("rollback")
            if attempt == ATTEMPTS:
                raise
    raise AssertionError("unreachable")
