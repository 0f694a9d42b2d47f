"""Live sessions of a MariaDB database, ended as an administrator would."""

import time

from dtx.core.deadline import Deadline, poll_until
from dtx.core.errors import ProvisionError
from dtx.core.ports import EndedSessions
from dtx.targets.mariadb.connecting import Connection, OpenSession, rows
from dtx.targets.mariadb.setup import USER

GONE_WITHIN_S = 2.0

LOOK_EVERY_S = 0.001
"""A local transaction takes a few milliseconds: who looks less often hardly ever sees one."""

# A session is busy in a statement, or idle inside a transaction that InnoDB knows.
_LIVE = """
    select p.id, p.command <> 'Sleep' or t.trx_id is not null as is_busy
    from information_schema.processlist p
    left join information_schema.innodb_trx t on t.trx_mysql_thread_id = p.id
    where p.user = %s
"""


class MariaDbSessions:
    """Implements `LiveSessions` of one database; `open_session` gives a session of the harness in it."""

    def __init__(self, name: str, open_session: OpenSession) -> None:
        self._name = name
        self._open_session = open_session

    def count(self) -> int:
        """Return how many sessions there are now."""
        with self._open_session() as connection:
            return len(rows(connection, _LIVE, [USER]))

    def end(self, within_s: float) -> EndedSessions:
        """`KILL` for each, as soon as one is in a transaction or a statement."""
        deadline = Deadline.after(within_s)
        with self._open_session() as connection:
            live = rows(connection, _LIVE, [USER])
            while not any(is_busy for _, is_busy in live) and not deadline.is_over:
                time.sleep(LOOK_EVERY_S)
                live = rows(connection, _LIVE, [USER])
            for number, _ in live:
                _kill(connection, int(number))
            numbers = {number for number, _ in live}

            def are_gone() -> bool:
                return not numbers & {number for number, _ in rows(connection, _LIVE, [USER])}

            if not poll_until(are_gone, Deadline.after(GONE_WITHIN_S), every_s=0.005):
                raise ProvisionError(
                    f"{self._name}: not all of {len(numbers)} sessions ended"
                    f" within {GONE_WITHIN_S:g} s"
                )
        return EndedSessions(sessions=len(live), busy=sum(bool(is_busy) for _, is_busy in live))


def _kill(connection: Connection, number: int) -> None:
    # In one statement that does nothing if the session has ended meanwhile: plain KILL answers with an error.
    rows(
        connection,
        f"begin not atomic for p in (select id from information_schema.processlist where id = {number})"
        " do execute immediate concat('kill ', p.id); end for; end",
    )
