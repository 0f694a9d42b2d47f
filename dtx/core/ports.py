"""What the harness can ask of a running environment; `targets` implements these, `chaos` and `experiment` use them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from dtx.core.history import HistoryEntry, ProcessorUse
from dtx.core.observation import PreparedRow, WaitRow


class Stream(StrEnum):
    """Toxiproxy's names for the directions: upstream carries requests, downstream replies."""

    REQUESTS = "upstream"
    REPLIES = "downstream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Toxic:
    """A toxic as Toxiproxy knows it; toxicity is always 1 (all chance is in the schedule)."""

    name: str
    type: str
    stream: Stream
    attributes: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkTraffic:
    """Traffic of one link at the source's side of its proxies.

    Attributes:
        connections: open connections from the source now.
        request_bytes: payload bytes that came from the source since the environment was clean.
        reply_bytes: payload bytes that went back to the source since then.
    """

    connections: int
    request_bytes: int
    reply_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkConnection:
    """One connection from a link's source, as the kernel saw it just now at the proxy.

    Attributes:
        id: the same in every look at this connection, of no other.
        is_open: both ends may still send.
        is_left: the source has closed its end and the proxy has not yet.
        request_bytes: payload bytes that came from the source.
        reply_bytes: payload bytes that were sent to the source, acknowledged or not.
        reply_segments: TCP segments with payload that were sent to the source.
        request_ms_ago: since payload last came from the source, to a tick of the kernel's clock (1 to 10 ms).
        reply_ms_ago: since payload was last sent to the source.
        is_greeted: the destination speaks first: the first segment of a connection is no answer.
    """

    id: str
    is_open: bool
    is_left: bool
    request_bytes: int
    reply_bytes: int
    reply_segments: int
    request_ms_ago: int
    reply_ms_ago: int
    is_greeted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedBytes:
    """Bytes that a proxy took in on finished connections and did not pass on, by its own metrics."""

    requests: int
    replies: int


class Links(Protocol):
    """The proxied links of an environment, by name (`orders->payments`)."""

    def names(self) -> Sequence[str]:
        """Return all links, the client's too, in the order of the file."""

    def traffic(self) -> Mapping[str, LinkTraffic]:
        """Return the traffic of every link; never more than really flowed."""

    def connections(self) -> Mapping[str, Sequence[LinkConnection]]:
        """Return the connections of every link that the kernel knows now; closed ones vanish at some time."""

    def dropped(self) -> Mapping[str, DroppedBytes]:
        """Return what each link's proxies dropped since the environment was clean."""

    def hurt(self, link: str, toxics: Sequence[Toxic]) -> None:
        """Put the toxics on every proxy of the link.

        Raises:
            ProvisionError: the proxy refused, or is gone.
        """

    def change(self, link: str, toxics: Sequence[Toxic]) -> None:
        """Give toxics that `hurt` has put there, known by their names, other attributes.

        Raises:
            ProvisionError: the proxy refused, or is gone.
        """

    def shut(self, link: str) -> None:
        """Close all connections of the link and refuse new ones.

        Raises:
            ProvisionError: the proxy refused, or is gone.
        """

    def recycle(self, link: str) -> None:
        """Close all connections of the link; new ones are accepted, under the toxics that are there.

        Raises:
            ProvisionError: the proxy refused, or is gone.
        """

    def retire(self, link: str, *, is_overdue: bool) -> bool:
        """End one idle connection at its source, which sees the end of the stream; return whether there was one.

        Args:
            link: whose connection.
            is_overdue: if none is idle, end one that waits for an answer, which it still receives.
        """

    def heal(self, link: str) -> None:
        """Open the link again, remove all its toxics and prove it; a proxy that hangs is deleted and made again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """How a process tree ended.

    Attributes:
        processes: how many processes were killed.
        detail: exit status and last output, for the death of a process that nobody killed.
    """

    processes: int
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanStop:
    """How a process tree ended that was asked to.

    Attributes:
        processes: how many there were when it was asked.
        killed: how many of them had to be killed, because they did not end in time; 0 is a clean stop.
    """

    processes: int
    killed: int


class Nodes(Protocol):
    """Workers and targets as process trees."""

    def names(self) -> Sequence[str]:
        """Return all nodes: databases, then workers."""

    def links_of(self, node: str) -> Sequence[str]:
        """Return the links that begin or end at the node and carry transactions: not those of readers."""

    def kill(self, node: str) -> Death:
        """SIGKILL the whole tree until nothing of it is left."""

    def start(self, node: str) -> None:
        """Start a dead node again on the same address and wait until it is ready.

        Raises:
            ProvisionError: it did not become ready in time.
        """

    def stop(self, node: str) -> CleanStop:
        """End the tree as an operator would, bounded; what does not end is killed."""

    def pause(self, node: str) -> int:
        """SIGSTOP the whole tree until all of it is stopped; return how many processes that are.

        Raises:
            DtxError, TimeoutError: some of it could not be stopped; `resume` must be called all the same.
        """

    def resume(self, node: str) -> None:
        """SIGCONT the whole tree until none of it is stopped; a node that runs or is dead is left as it is.

        Raises:
            DtxError, TimeoutError: some of it stays stopped.
        """

    def is_alive(self, node: str) -> bool:
        """Whether the node's first process is there; a stopped one is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashReached:
    """A worker passed its armed crash point; `tx` is the transaction that it was working for."""

    tx: str | None


class CrashPoints(Protocol):
    """Named points at which workers kill themselves."""

    def arm(self, worker: str, point: str, nth: int) -> None:
        """Make the worker die at the nth pass of the point from now."""

    def reached(self, worker: str) -> CrashReached | None:
        """Return what the worker wrote when it got there, None while it has not."""

    def disarm(self, worker: str) -> None:
        """Make the worker pass all points alive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CutBack:
    """What a loss of power took from a dead worker: `cut_bytes` of its `files` durable files that are there."""

    files: int
    cut_bytes: int


class Durability(Protocol):
    """Durable files of workers, and what was synced of them."""

    def unseen(self, worker: str) -> str:
        """Return why not everything that the running worker syncs is seen, in words; empty if it is."""

    def cut_back(self, worker: str) -> CutBack:
        """Cut the durable files of a dead worker back to what was last synced of each.

        Raises:
            ProvisionError: a file could not be cut.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedSessions:
    """Sessions that a database ended at the harness's request; `busy` of them were in a transaction or a statement."""

    sessions: int
    busy: int


class Sessions(Protocol):
    """Live sessions of databases: those of the system's workers, never the harness's own."""

    def count(self, database: str) -> int:
        """Return how many sessions there are now.

        Raises:
            ProvisionError: the database does not answer.
        """

    def end(self, database: str, within_s: float) -> EndedSessions:
        """End every session as an administrator would, and wait until they are gone.

        Waits for a moment at which one of them is busy, and ends them in the same statement that sees it; once
        `within_s` are over, ends them whatever they do.

        Raises:
            ProvisionError: the database does not answer, or some session stays.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRows:
    """Rows of one table that a session of the harness has locked."""

    table: str
    rows: int


class RowLocks(Protocol):
    """Row locks that the harness holds in databases, as a stuck operator would; one table of each at a time."""

    def hold(self, database: str, table: str | None) -> HeldRows:
        """Lock the rows of the table, bounded; None is the one whose rows were updated most often.

        Raises:
            ProvisionError: the database does not answer, or the rows could not be had in time.
            ConfigError: there is no such table.
        """

    def waiting(self, database: str) -> frozenset[int]:
        """Return the sessions that wait for these locks now, also behind one another.

        Raises:
            ProvisionError: the database does not answer.
        """

    def release(self, database: str) -> None:
        """Let go of the rows and prove it; nothing happens if none are held.

        Raises:
            ProvisionError: the session is still there, or the database does not answer.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class LockWaiter:
    """A session that waits for a lock; `session` is its name while its transaction lasts, `since_ns` on the wall clock."""

    session: str
    since_ns: int | None = None


class BranchLooks(Protocol):
    """Looks at the prepared branches of one database, over a session that stays open for many of them.

    Every method raises ProvisionError when the server does not answer.
    """

    def prepared(self) -> Sequence[PreparedRow]:
        """Return the branches that are there now."""

    def rows(self, gids: Collection[str]) -> Mapping[str, int]:
        """Return how many rows each of the branches changed or locked, of those that were there before.

        A branch of which the server does not tell is left out.
        """

    def waiters(self, gids: Collection[str]) -> Sequence[LockWaiter]:
        """Return the sessions that wait for rows of these branches, also behind one another."""


class Branches(Protocol):
    """The prepared branches of one database."""

    def looking(self) -> AbstractContextManager[BranchLooks]:
        """Give looks over one session.

        Raises:
            ProvisionError: the server does not answer.
        """


class Recorder(Protocol):
    """Takes entries of the history, from any thread."""

    def append(self, entry: HistoryEntry) -> None:
        """Write the entry; it can be read back even if the harness is killed right after."""


class Processors(Protocol):
    """Knows who has the processors."""

    def use(self) -> ProcessorUse | None:
        """Return who had them since the last call; None at the first call, and where the machine does not tell."""


class InFlight(Protocol):
    """Knows how many transactions are under way now."""

    def count(self) -> int:
        """Return how many submitted transactions have not ended."""


class Waits(Protocol):
    """Who waits for whom inside the databases, just now, as the system's own queries say it."""

    def names(self) -> Sequence[str]:
        """Return the databases that can be asked."""

    def looking(self, database: str) -> AbstractContextManager[Callable[[], Sequence[WaitRow]]]:
        """Give a function that looks once, all in one session.

        Raises:
            DtxError: from entering or from a look: the database does not answer, or the query fails.
        """
