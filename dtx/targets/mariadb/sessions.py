"""Live sessions of a MariaDB database, ended as an administrator would."""

import time

from dtx.core.deadline import Deadline, poll_until
from dtx.core.errors import ProvisionError
from dtx.core.ports import EndedSessions
from dtx.targets.mariadb.connecting import Connection, OpenSession, rows
from dtx.targets.mariadb.innodb import InnodbViews
from dtx.targets.mariadb.setup import USER

GONE_WITHIN_S = 2.0

LOOK_EVERY_S = 0.001
"""A local transaction takes a few milliseconds: who looks less often hardly ever sees one."""

_LIVE = "select id, command <> 'Sleep' from information_schema.processlist where user = %s"


class MariaDbSessions:
    """Implements `LiveSessions` of one database; `open_session` gives a session of the harness in it."""

    def __init__(self, name: str, open_session: OpenSession, views: InnodbViews) -> None:
        self._name = name
        self._open_session = open_session
        self._views = views

    def count(self) -> int:
        """Return how many sessions there are now."""
        with self._open_session() as connection:
            return len(rows(connection, _LIVE, [USER]))

    def end(self, within_s: float) -> EndedSessions:
        """`KILL` for each, as soon as one is in a transaction or a statement."""
        deadline = Deadline.after(within_s)
        with self._open_session() as connection:
            live = self._live(connection)
            while not any(live.values()) and not deadline.is_over:
                time.sleep(LOOK_EVERY_S)
                live = self._live(connection)
            for number in live:
                _kill(connection, number)

            def are_gone() -> bool:
                return not live.keys() & self._live(connection).keys()

            if not poll_until(are_gone, Deadline.after(GONE_WITHIN_S), every_s=0.005):
                raise ProvisionError(
                    f"{self._name}: not all of {len(live)} sessions ended"
                    f" within {GONE_WITHIN_S:g} s"
                )
        return EndedSessions(sessions=len(live), busy=sum(live.values()))

    def _live(self, connection: Connection) -> dict[int, bool]:
        """Return each session, and whether it is in a statement or in a transaction."""
        live = rows(connection, _LIVE, [USER])
        inside = set(self._views.moment(connection).sessions.values()) if live else set()
        return {int(number): bool(is_at_work) or number in inside for number, is_at_work in live}


def _kill(connection: Connection, number: int) -> None:
    # In one statement that does nothing if the session has ended meanwhile: plain KILL answers with an error.
    rows(
        connection,
        f"begin not atomic for p in (select id from information_schema.processlist where id = {number})"
        " do execute immediate concat('kill ', p.id); end for; end",
    )
