"""Live sessions of PostgreSQL databases, ended as an administrator would."""

from collections.abc import Mapping

from dtx.core.deadline import Deadline, poll_until
from dtx.core.errors import ProvisionError
from dtx.core.ports import EndedSessions
from dtx.targets.cluster import DATABASE
from dtx.targets.postgres import APPLICATION, PostgresTarget

GONE_WITHIN_S = 2.0

_LIVE = """
    from pg_stat_activity
    where datname = %(database)s and backend_type = 'client backend' and application_name <> %(harness)s
"""
_BUSY = "state <> 'idle'"
_WHOSE = {"database": DATABASE, "harness": APPLICATION}


class PostgresSessions:
    """Implements `core.ports.Sessions`; `databases` may still be filled."""

    def __init__(self, databases: Mapping[str, PostgresTarget]) -> None:
        self._databases = databases

    def busy(self, database: str) -> int:
        """Return how many sessions are in a transaction or a statement now."""
        with self._databases[database].session() as connection:
            row = connection.execute(
                f"select count(*) {_LIVE} and {_BUSY}".encode(), _WHOSE
            ).fetchone()
        return int(row[0]) if row else 0

    def end(self, database: str) -> EndedSessions:
        """pg_terminate_backend for each, looked at and ended in one statement, so that `busy` is the truth."""
        ended = f"select pid, {_BUSY}, pg_terminate_backend(pid) {_LIVE}"
        with self._databases[database].session() as connection:
            rows = connection.execute(ended.encode(), _WHOSE).fetchall()
            pids = [pid for pid, _, was_there in rows if was_there]

            def are_gone() -> bool:
                left = "select 1 from pg_stat_activity where pid = any(%s)"
                return connection.execute(left, (pids,)).fetchone() is None

            if not poll_until(are_gone, Deadline.after(GONE_WITHIN_S), every_s=0.005):
                raise ProvisionError(
                    f"{database}: not all of {len(pids)} sessions ended within {GONE_WITHIN_S:g} s"
                )
        return EndedSessions(
            sessions=len(pids),
            busy=sum(1 for _, is_busy, was_there in rows if is_busy and was_there),
        )
