"""Who waits for whom inside the databases, as the system's own queries `observe.waits` say it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from dtx.config.model import System
from dtx.core.observation import Shape, WaitRow
from dtx.targets import observing
from dtx.targets.database import DatabaseTarget

ANSWER_WITHIN_S = 2
"""For one look: a server that takes longer has nothing to say of this moment any more."""


class DatabaseWaits:
    """Implements `core.ports.Waits`; `databases` may still be filled."""

    def __init__(self, system: System, databases: Mapping[str, DatabaseTarget]) -> None:
        self._queries = {
            name: database.observe[Shape.WAITS]
            for name, database in system.databases.items()
            if Shape.WAITS in database.observe
        }
        self._databases = databases

    def names(self) -> Sequence[str]:
        """Return the databases that can be asked."""
        return tuple(self._queries)

    @contextmanager
    def looking(self, database: str) -> Iterator[Callable[[], Sequence[WaitRow]]]:
        """Give a function that looks once, all in one session."""
        with self._databases[database].asking(ANSWER_WITHIN_S) as ask:
            yield lambda: observing.wait_rows(database, ask(self._queries[database])[1])
