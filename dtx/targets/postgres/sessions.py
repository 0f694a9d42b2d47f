"""Live sessions of a PostgreSQL database, ended as an administrator would."""

import time

from dtx.core.deadline import Deadline, poll_until
from dtx.core.errors import ProvisionError
from dtx.core.ports import EndedSessions
from dtx.targets.postgres.connecting import APPLICATION, OpenSession
from dtx.targets.postgres.setup import DATABASE

GONE_WITHIN_S = 2.0

LOOK_EVERY_S = 0.001
"""A local transaction takes a few milliseconds: who looks less often hardly ever sees one."""

_LIVE = """
    from pg_stat_activity
    where datname = %(database)s and backend_type = 'client backend' and application_name <> %(harness)s
"""
_WHOSE = {"database": DATABASE, "harness": APPLICATION}
_COUNT = f"select count(*) {_LIVE}".encode()

# Looked at and ended in one statement, so that who is counted as busy was.
_END = f"""
    select pid, is_busy, case when %(is_time)s or bool_or(is_busy) over () then pg_terminate_backend(pid) end
    from (select pid, state <> 'idle' as is_busy {_LIVE}) as live
""".encode()


class PostgresSessions:
    """Implements `LiveSessions` of one database; `open_session` gives a session of the harness in it."""

    def __init__(self, name: str, open_session: OpenSession) -> None:
        self._name = name
        self._open_session = open_session

    def count(self) -> int:
        """Return how many sessions there are now."""
        with self._open_session() as connection:
            row = connection.execute(_COUNT, _WHOSE).fetchone()
        return int(row[0]) if row else 0

    def end(self, within_s: float) -> EndedSessions:
        """pg_terminate_backend for each, as soon as one is in a transaction or a statement."""
        deadline = Deadline.after(within_s)
        with self._open_session() as connection:
            ended: list[tuple[int, bool]] = []
            while not ended:
                is_time = deadline.is_over
                rows = connection.execute(_END, {**_WHOSE, "is_time": is_time}).fetchall()
                ended = [(pid, is_busy) for pid, is_busy, was_ended in rows if was_ended]
                if is_time:
                    break
                time.sleep(LOOK_EVERY_S)
            pids = [pid for pid, _ in ended]

            def are_gone() -> bool:
                left = "select 1 from pg_stat_activity where pid = any(%s)"
                return connection.execute(left, (pids,)).fetchone() is None

            if not poll_until(are_gone, Deadline.after(GONE_WITHIN_S), every_s=0.005):
                raise ProvisionError(
                    f"{self._name}: not all of {len(pids)} sessions ended within {GONE_WITHIN_S:g} s"
                )
        return EndedSessions(sessions=len(ended), busy=sum(1 for _, is_busy in ended if is_busy))
