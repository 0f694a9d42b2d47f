"""The port between an environment and the database products: what every one of them can be asked."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from dtx.core.observation import PreparedRow
from dtx.core.ports import Branches, EndedSessions, HeldRows
from dtx.targets.runtime import Address, ServerProcess

Answer = tuple[int, list[tuple[Any, ...]]]
"""Of a query: how many columns it has, and its rows."""


class LiveSessions(Protocol):
    """Live sessions of one database: those of the system's workers; see `core.ports.Sessions`."""

    def count(self) -> int:
        """Return how many sessions there are now."""

    def end(self, within_s: float) -> EndedSessions:
        """End every session as an administrator would, at a busy moment if there is one in time."""


class HeldLocks(Protocol):
    """Row locks that the harness holds in one database; see `core.ports.RowLocks`."""

    def hold(self, table: str | None) -> HeldRows:
        """Lock the rows of the table; None is the busiest one."""

    def waiting(self) -> frozenset[int]:
        """Return the sessions that wait for these locks now, also behind one another."""

    def release(self) -> None:
        """Let go of the rows and prove it."""


class DatabaseTarget(Protocol):
    """One database server of a product, straight to it, never through a proxy.

    Every method raises ProvisionError when the server does not answer.
    """

    @property
    def name(self) -> str:
        """Its name in system.toml."""

    @property
    def speaks_first(self) -> bool:
        """Whether its server greets who connects, before it is asked anything."""

    @property
    def server(self) -> ServerProcess:
        """Its process tree."""

    @property
    def sessions(self) -> LiveSessions:
        """The sessions of the system's workers."""

    @property
    def row_locks(self) -> HeldLocks:
        """Row locks that the harness can hold."""

    @property
    def branches(self) -> Branches:
        """Its prepared branches, to look at often."""

    def fields(self, address: Address) -> Mapping[str, str]:
        """Return what a reference to it may ask for besides host and port, as seen at `address`."""

    def wait_ready(self, within_s: float) -> None:
        """Wait until it answers a query.

        Raises:
            ProvisionError: it died or did not answer in time; with its last output.
        """

    def apply_schema(self, schema: Path | None) -> None:
        """Run the schema in the working database, which is there and empty.

        Raises:
            ConfigError: the schema fails; names file and line.
        """

    def keep_pristine(self) -> None:
        """Remember the working database as it is now, so that `reset` can go back to it."""

    def reset(self) -> None:
        """End what is open, roll back what is prepared, and make the working database as the schema left it."""

    def unclean(self) -> list[str]:
        """Return what is not as new, in words."""

    def prepared(self) -> list[PreparedRow]:
        """Return the branches in doubt."""

    def query(self, text: str) -> list[tuple[Any, ...]]:
        """Run a system's query, which can't write and is ended when it takes too long.

        Raises:
            ConfigError: it fails, writes, or takes too long.
        """

    def asking(self, within_s: int) -> AbstractContextManager[Callable[[str], Answer]]:
        """Give a function that runs a query as `query` does, but ends it sooner, all in one session."""

    def counts(self, queries: Sequence[str]) -> list[int]:
        """Return how many rows each query has, in one session; errors as those of `query`."""
