"""Row locks that a session of the harness holds in a MariaDB database, and who waits for them."""

from contextlib import ExitStack
from dataclasses import dataclass

import pymysql
from pymysql.constants import ER

from dtx.core.deadline import Deadline, poll_until
from dtx.core.errors import ConfigError, ProvisionError
from dtx.core.ports import HeldRows
from dtx.targets.mariadb.connecting import Connection, OpenSession, code_of, rows
from dtx.targets.mariadb.innodb import InnodbViews
from dtx.targets.mariadb.setup import DATABASE

ATTEMPTS = 5
"""Under load another session may hold some of the rows while it waits for others: a deadlock, which one of us loses."""

MOST_ROWS = 10_000
RELEASED_WITHIN_S = 2.0

# Changes for each row that is there: rows that are there for all to update come first, not those that each
# transaction makes for itself, which nobody else waits for.
_MOST_UPDATED = """
    select s.table_name
    from information_schema.table_statistics s
    join information_schema.tables t on t.table_schema = s.table_schema and t.table_name = s.table_name
    where s.table_schema = %s and s.rows_changed > 0 and t.engine = 'InnoDB'
    order by s.rows_changed / (t.table_rows + 1) desc, s.table_name limit 1
"""

_TABLES = "select table_name from information_schema.tables where table_schema = %s and table_type = 'BASE TABLE' order by 1"


@dataclass(frozen=True, slots=True)
class _Holder:
    number: int
    stack: ExitStack


class MariaDbRowLocks:
    """Implements `HeldLocks` of one database; `open_session` gives a session of the harness in it."""

    def __init__(self, name: str, open_session: OpenSession, views: InnodbViews) -> None:
        self._name = name
        self._open_session = open_session
        self._holder: _Holder | None = None
        self._views = views

    def hold(self, table: str | None) -> HeldRows:
        """Lock up to MOST_ROWS rows of the table with `select for update`, in a session that stays open."""
        if self._holder is not None:
            raise ProvisionError(f"{self._name}: rows are held already")
        with ExitStack() as stack:
            connection = stack.enter_context(self._open_session())
            name = self._most_updated(connection) if table is None else table
            self._require_table(connection, name)
            held = self._lock(connection, name)
            self._holder = _Holder(
                int(rows(connection, "select connection_id()")[0][0]), stack.pop_all()
            )
        return HeldRows(table=name, rows=held)

    def waiting(self) -> frozenset[int]:
        """Return the sessions that wait for our locks, also behind one another."""
        if self._holder is None:
            return frozenset()
        with self._open_session() as connection:
            moment = self._views.moment(connection)
            return moment.sessions_of(moment.behind(moment.held_by(self._holder.number)))

    def release(self) -> None:
        """Close the session, which rolls back, and see that the server has ended it."""
        holder, self._holder = self._holder, None
        if holder is None:
            return
        holder.stack.close()
        with self._open_session() as connection:

            def is_gone() -> bool:
                there = "select 1 from information_schema.processlist where id = %s"
                return not rows(connection, there, [holder.number])

            if not poll_until(is_gone, Deadline.after(RELEASED_WITHIN_S), every_s=0.005):
                raise ProvisionError(
                    f"{self._name}: the session that holds the locks has not ended"
                )

    def _most_updated(self, connection: Connection) -> str:
        found = rows(connection, _MOST_UPDATED, [DATABASE])
        if not found:
            raise ProvisionError(
                f"{self._name}: no table was updated so far, so none is the busiest",
                hint="name a table, or let the fault begin later",
            )
        return str(found[0][0])

    def _require_table(self, connection: Connection, table: str) -> None:
        there = [str(name) for (name,) in rows(connection, _TABLES, [DATABASE])]
        if table not in there:
            raise ConfigError(
                f"{self._name}: no table named {table!r}; there is: {', '.join(there) or 'none'}"
            )

    def _lock(self, connection: Connection, table: str) -> int:
        rows(connection, "set session innodb_lock_wait_timeout = 1, max_statement_time = 3")
        for attempt in range(1, ATTEMPTS + 1):
            rows(connection, "start transaction")
            try:
                return len(
                    rows(connection, f"select 1 from `{table}` limit {MOST_ROWS} for update")
                )
            except pymysql.MySQLError as error:
                rows(connection, "rollback")
                is_contended = code_of(error) in (ER.LOCK_DEADLOCK, ER.LOCK_WAIT_TIMEOUT)
                if attempt == ATTEMPTS or not is_contended:
                    raise
        raise AssertionError("unreachable")
