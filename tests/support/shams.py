"""Ports that say that they hurt and do not: a fault must see through them, whatever traffic there is."""

from collections.abc import Mapping, Sequence

from dtx.core.ports import (
    CleanStop,
    CrashReached,
    Death,
    DroppedBytes,
    EndedSessions,
    HeldRows,
    LinkConnection,
    Links,
    LinkTraffic,
    Nodes,
    RowLocks,
    Toxic,
)


class ShamLinks:
    """Real links that nothing is done to; what they carry is counted as ever."""

    def __init__(self, links: Links) -> None:
        self._links = links

    def names(self) -> Sequence[str]:
        return self._links.names()

    def traffic(self) -> Mapping[str, LinkTraffic]:
        return self._links.traffic()

    def connections(self) -> Mapping[str, Sequence[LinkConnection]]:
        return self._links.connections()

    def dropped(self) -> Mapping[str, DroppedBytes]:
        return self._links.dropped()

    def hurt(self, link: str, toxics: Sequence[Toxic]) -> None:
        pass

    def change(self, link: str, toxics: Sequence[Toxic]) -> None:
        pass

    def shut(self, link: str) -> None:
        pass

    def retire(self, link: str, *, is_overdue: bool) -> bool:
        return self._links.retire(link, is_overdue=is_overdue)

    def recycle(self, link: str) -> None:
        pass

    def heal(self, link: str) -> None:
        self._links.heal(link)


class ShamNodes:
    """Real nodes that go on as they are."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    def names(self) -> Sequence[str]:
        return self._nodes.names()

    def links_of(self, node: str) -> Sequence[str]:
        return self._nodes.links_of(node)

    def kill(self, node: str) -> Death:
        del node
        return Death(processes=3)

    def start(self, node: str) -> None:
        pass

    def stop(self, node: str) -> CleanStop:
        del node
        return CleanStop(processes=3, killed=0)

    def pause(self, node: str) -> int:
        del node
        return 3

    def resume(self, node: str) -> None:
        pass

    def is_alive(self, node: str) -> bool:
        return self._nodes.is_alive(node)


class ShamCrashPoints:
    """Points that nobody dies at."""

    def arm(self, worker: str, point: str, nth: int) -> None:
        pass

    def reached(self, worker: str) -> CrashReached | None:
        del worker
        return None

    def disarm(self, worker: str) -> None:
        pass


class ShamSessions:
    """Sessions of which none is ended."""

    def count(self, database: str) -> int:
        del database
        return 1

    def end(self, database: str, within_s: float) -> EndedSessions:
        del database, within_s
        return EndedSessions(sessions=0, busy=0)


class ShamRowLocks:
    """Rows that are said to be held; who really waits for whom is asked."""

    def __init__(self, locks: RowLocks) -> None:
        self._locks = locks

    def hold(self, database: str, table: str | None) -> HeldRows:
        del database
        return HeldRows(table=table or "accounts", rows=2)

    def waiting(self, database: str) -> frozenset[int]:
        return self._locks.waiting(database)

    def release(self, database: str) -> None:
        self._locks.release(database)
