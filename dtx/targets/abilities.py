"""What faults can do inside databases, whatever their products: the ports of `core` over the targets."""

from collections.abc import Mapping

from dtx.core.ports import EndedSessions, HeldRows
from dtx.targets.database import DatabaseTarget


class DatabaseSessions:
    """Implements `core.ports.Sessions`; `databases` may still be filled."""

    def __init__(self, databases: Mapping[str, DatabaseTarget]) -> None:
        self._databases = databases

    def count(self, database: str) -> int:
        """Return how many sessions there are now."""
        return self._databases[database].sessions.count()

    def end(self, database: str, within_s: float) -> EndedSessions:
        """End every session, as soon as one is busy."""
        return self._databases[database].sessions.end(within_s)


class DatabaseRowLocks:
    """Implements `core.ports.RowLocks`; `databases` may still be filled."""

    def __init__(self, databases: Mapping[str, DatabaseTarget]) -> None:
        self._databases = databases

    def hold(self, database: str, table: str | None) -> HeldRows:
        """Lock the rows of the table; None is the busiest one."""
        return self._databases[database].row_locks.hold(table)

    def waiting(self, database: str) -> frozenset[int]:
        """Return the sessions that wait for these locks now."""
        return self._databases[database].row_locks.waiting()

    def release(self, database: str) -> None:
        """Let go of the rows and prove it."""
        self._databases[database].row_locks.release()
