"""Prepared branches of a MariaDB server: which there are, how many rows they hold, who waits for them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from dtx.core.observation import PreparedRow
from dtx.core.ports import LockWaiter
from dtx.targets.branch_names import of_mariadb
from dtx.targets.mariadb.connecting import Connection, OpenSession, rows
from dtx.targets.mariadb.innodb import InnodbViews, prepared_transactions


class MariaDbBranches:
    """Implements `Branches`; `open_session` gives a session of the harness."""

    def __init__(self, name: str, open_session: OpenSession, views: InnodbViews) -> None:
        self._name = name
        self._open_session = open_session
        self._views = views

    @contextmanager
    def looking(self) -> Iterator["MariaDbLooks"]:
        """Give looks over one session."""
        with self._open_session() as connection:
            yield MariaDbLooks(self._name, connection, self._views)


class MariaDbLooks:
    """Implements `BranchLooks` over one session, whose errors its owner turns into ours."""

    def __init__(self, name: str, connection: Connection, views: InnodbViews) -> None:
        self._name = name
        self._connection = connection
        self._views = views

    def prepared(self) -> list[PreparedRow]:
        """Return the branches that are there now; since when, no catalogue tells."""
        found = rows(self._connection, "xa recover format='SQL'")
        return [
            PreparedRow(participant=self._name, gid=str(xid), name=of_mariadb(str(xid)))
            for *_, xid in found
        ]

    def rows(self, gids: Collection[str]) -> Mapping[str, int]:
        """Return how many row locks each holds, if all that are prepared hold equally many.

        Nothing in the server joins a branch's name to InnoDB's transaction: only where all are alike is it known.
        After a restart InnoDB holds the locks by its undo log alone and counts none: that says nothing either.
        """
        counts = set(prepared_transactions(self._connection).values())
        if len(counts) != 1 or counts == {0}:
            return {}
        return dict.fromkeys(gids, counts.pop())

    def waiters(self, gids: Collection[str]) -> Sequence[LockWaiter]:
        """Return the sessions that wait for prepared transactions, these branches or others that are there now."""
        if not gids:
            return []
        prepared = prepared_transactions(self._connection)
        moment = self._views.moment(self._connection)
        return [LockWaiter(session=str(number)) for number in sorted(moment.behind(prepared))]
