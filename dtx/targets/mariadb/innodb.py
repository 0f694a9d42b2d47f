"""InnoDB's views of its transactions and of who waits for whom, which may not be asked too often."""

import re
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dtx.targets.mariadb.connecting import Connection, rows

REFRESHED_AFTER_S = 0.12
"""InnoDB answers from a copy that it renews only if nobody looked for 0.1 s (trx0i_s.cc, CACHE_MIN_IDLE_TIME): who
looks more often than that sees the same moment for ever."""

VIEWS_PREFIX = "innodb_"

_TRANSACTIONS = "select trx_id, trx_mysql_thread_id from information_schema.innodb_trx"

# For each lock that is waited for, InnoDB names every transaction in front: also those that wait themselves.
_WAITS = "select requesting_trx_id, blocking_trx_id from information_schema.innodb_lock_waits"

_PREPARED = re.compile(
    r"^---TRANSACTION (\d+), ACTIVE \(PREPARED\)[^\n]*\n(?:[^\n-][^\n]*\n)*?[^\n]*?(\d+) row lock\(s\)",
    re.MULTILINE,
)
"""No view says which transactions are prepared; the monitor's text does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """InnoDB's transactions at one moment: number of each -> session, 0 for none; and (who waits, for whom)."""

    sessions: dict[int, int]
    waits: frozenset[tuple[int, int]]

    def behind(self, holders: Collection[int]) -> frozenset[int]:
        """Return the transactions that wait for one of these, also behind one another."""
        found: set[int] = set()
        new = set(holders)
        while new:
            new = {waiter for waiter, blocker in self.waits if blocker in new} - found
            found |= new
        return frozenset(found)

    def held_by(self, session: int) -> frozenset[int]:
        """Return the transactions of a session: one, or none."""
        return frozenset(number for number, owner in self.sessions.items() if owner == session)

    def sessions_of(self, transactions: Collection[int]) -> frozenset[int]:
        """Return the sessions of these transactions."""
        return frozenset(
            self.sessions[number] for number in transactions if number in self.sessions
        )


class InnodbViews:
    """The views of one server, for all who look at them: in turns, so that each look is a new one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._moment_at = float("-inf")
        self._moment = Moment(sessions={}, waits=frozenset())

    def moment(self, connection: Connection) -> Moment:
        """Return how things were, REFRESHED_AFTER_S ago at the most."""
        with self._lock:
            if time.monotonic() - self._moment_at >= REFRESHED_AFTER_S:
                self._await_renewal()
                # The second answer is of the same copy as the first.
                self._moment = Moment(
                    sessions={
                        int(trx): int(of or 0) for trx, of in rows(connection, _TRANSACTIONS)
                    },
                    waits=frozenset((int(w), int(b)) for w, b in rows(connection, _WAITS)),
                )
                self._asked_at = self._moment_at = time.monotonic()
            return self._moment

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Lend the views for one look of somebody's own, once they can be renewed."""
        with self._lock:
            self._await_renewal()
            try:
                yield
            finally:
                self._asked_at = time.monotonic()

    def _await_renewal(self) -> None:
        time.sleep(max(0.0, self._asked_at + REFRESHED_AFTER_S - time.monotonic()))


def prepared_transactions(connection: Connection) -> dict[int, int]:
    """Return the transactions that are prepared now: number -> how many row locks each holds."""
    [(_, _, text)] = rows(connection, "show engine innodb status")
    return {int(number): int(locks) for number, locks in _PREPARED.findall(str(text))}
