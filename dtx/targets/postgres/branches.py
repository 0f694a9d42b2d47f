"""Prepared branches of a PostgreSQL database: which there are, how many rows they hold, who waits for them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from dtx.core.observation import PreparedRow
from dtx.core.ports import LockWaiter
from dtx.targets.branch_names import of_postgres
from dtx.targets.postgres.connecting import OpenSession
from dtx.targets.postgres.setup import DATABASE

_PREPARED = "select gid, extract(epoch from prepared) from pg_prepared_xacts where database = %s order by gid"

_XIDS = "select transaction::text::bigint, gid from pg_prepared_xacts where database = %s and gid = any(%s)"

# A prepared transaction has no process, and its virtual transaction is that of the session that prepared it, or after a
# restart none's (-1/xid). Whose it is shows in the lock that every transaction holds on its own number.
_TABLES = """
    select distinct n.nspname, c.relname
    from pg_prepared_xacts p
    join pg_locks own on own.transactionid = p.transaction and own.granted and own.mode = 'ExclusiveLock'
    join pg_locks l on l.virtualtransaction = own.virtualtransaction and l.pid is null and l.locktype = 'relation'
    join pg_class c on c.oid = l.relation and c.relkind = 'r'
    join pg_namespace n on n.oid = c.relnamespace
    where p.gid = any(%s) and p.database = %s and l.mode in ('RowShareLock', 'RowExclusiveLock')
"""

# Whoever waits for a row waits for the transaction that holds it; only the first one in the queue does, the others
# wait for him.
_WAITING = """
    with recursive waits as materialized (
        select pid, unnest(pg_blocking_pids(pid)) as blocker from pg_stat_activity where wait_event_type = 'Lock'
    ), behind as (
        select l.pid from pg_locks l join pg_prepared_xacts p on l.transactionid = p.transaction
        where not l.granted and p.gid = any(%s)
        union
        select waits.pid from waits join behind on waits.blocker = behind.pid
    )
    select a.pid, extract(epoch from a.xact_start), extract(epoch from min(l.waitstart))
    from behind join pg_stat_activity a using (pid) join pg_locks l on l.pid = a.pid and not l.granted
    group by 1, 2
"""


class PostgresBranches:
    """Implements `Branches`; `open_session` gives a session of the harness in the working database."""

    def __init__(self, name: str, open_session: OpenSession) -> None:
        self._name = name
        self._open_session = open_session

    @contextmanager
    def looking(self) -> Iterator["PostgresLooks"]:
        """Give looks over one session."""
        with self._open_session() as connection:
            yield PostgresLooks(self._name, connection)


class PostgresLooks:
    """Implements `BranchLooks` over one session, whose errors its owner turns into ours."""

    def __init__(self, name: str, connection: "psycopg.Connection[Any]") -> None:
        self._name = name
        self._connection = connection

    def prepared(self) -> list[PreparedRow]:
        """Return the branches that are there now, with the time of their PREPARE."""
        found = self._connection.execute(_PREPARED, (DATABASE,)).fetchall()
        return [
            PreparedRow(
                participant=self._name, gid=gid, name=of_postgres(gid), since_ns=_nanoseconds(since)
            )
            for gid, since in found
        ]

    def rows(self, gids: Collection[str]) -> Mapping[str, int]:
        """Return how many rows bear each branch as the transaction that locked or replaced them.

        A row that is locked by others as well bears the number of the group, and is not counted.
        """
        found = self._connection.execute(_XIDS, (DATABASE, list(gids))).fetchall()
        gid_of = {int(xid): str(gid) for xid, gid in found}
        counts = dict.fromkeys(gid_of.values(), 0)
        for schema, table in self._connection.execute(_TABLES, (list(gids), DATABASE)).fetchall():
            statement = sql.SQL(
                "select xmax::text::bigint, count(*) from {} where xmax::text::bigint = any(%s) group by 1"
            ).format(sql.Identifier(schema, table))
            for xid, count in self._connection.execute(statement, (list(gid_of),)).fetchall():
                counts[gid_of[int(xid)]] += int(count)
        return counts

    def waiters(self, gids: Collection[str]) -> Sequence[LockWaiter]:
        """Return the sessions that wait for these branches, named by process and begin of their transaction."""
        found = self._connection.execute(_WAITING, (list(gids),)).fetchall()
        return [
            LockWaiter(
                session=f"{pid}/{began}", since_ns=None if since is None else _nanoseconds(since)
            )
            for pid, began, since in found
        ]


def _nanoseconds(epoch_s: Any) -> int:
    # Whole microseconds: a float of seconds since the epoch can't hold nanoseconds exactly.
    return int(epoch_s * 1_000_000) * 1000
