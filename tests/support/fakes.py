"""Fakes of the ports in one small world whose time jumps: no server, no thread, no sleep."""

from collections.abc import Callable, Mapping, Sequence

from dtx.core.errors import ProvisionError
from dtx.core.history import FaultEvent, FaultPhase, HistoryEntry, ProcessEvent
from dtx.core.ports import (
    CleanStop,
    CrashReached,
    CutBack,
    Death,
    DroppedBytes,
    EndedSessions,
    HeldRows,
    LinkConnection,
    LinkTraffic,
    Stream,
    Toxic,
)

MS = 1_000_000


class FakeTimer:
    """Time that passes only by waiting; `at` puts something on the way."""

    def __init__(self) -> None:
        self._now_ns = 1_000_000_000
        self._plans: list[tuple[int, Callable[[], None]]] = []
        self.stop_ns: int | None = None

    def now_ns(self) -> int:
        return self._now_ns

    def at(self, at_ns: int, act: Callable[[], None]) -> None:
        self._plans.append((at_ns, act))

    def wait_until(self, at_ns: int) -> bool:
        if self.stop_ns is not None and self.stop_ns <= max(at_ns, self._now_ns):
            self._pass_to(max(self._now_ns, self.stop_ns))
            return False
        self._pass_to(max(self._now_ns, at_ns))
        return True

    def pause(self, seconds: float) -> None:
        self._pass_to(self._now_ns + int(seconds * 1e9))

    def _pass_to(self, until_ns: int) -> None:
        while due := [p for p in self._plans if p[0] <= until_ns]:
            plan = min(due, key=lambda p: p[0])
            self._plans.remove(plan)
            self._now_ns = max(self._now_ns, plan[0])
            plan[1]()
        self._now_ns = max(self._now_ns, until_ns)


class FakeRecorder:
    """Keeps the entries in order."""

    def __init__(self) -> None:
        self.entries: list[HistoryEntry] = []

    def append(self, entry: HistoryEntry) -> None:
        self.entries.append(entry)

    def faults(self, phase: FaultPhase) -> list[FaultEvent]:
        return [e for e in self.entries if isinstance(e, FaultEvent) and e.phase is phase]

    def processes(self) -> list[tuple[str, str, str]]:
        return [
            (e.node, e.change.value, e.detail) for e in self.entries if isinstance(e, ProcessEvent)
        ]


class FakeInFlight:
    """As many transactions under way as the test says."""

    def __init__(self, count: int = 1) -> None:
        self.now = count

    def count(self) -> int:
        return self.now


class FakeLinks:
    """Links on which 10 bytes of request and 20 of reply flow every ms, as far as the toxics allow.

    Replies are counted `ack_delay_ms` late, as a kernel does that puts off its acknowledgements.
    """

    def __init__(self, timer: FakeTimer, names: Sequence[str], *, connections: int = 3) -> None:
        self._timer = timer
        self._names = tuple(names)
        self._since_ns = timer.now_ns()
        self._cut_ns: dict[str, int] = {}
        self._replies_lost: dict[str, int] = {}
        self._dropped_from_ns: dict[str, int] = {}
        self._mute_ns: dict[tuple[str, Stream], int] = {}
        self.connections_now = dict.fromkeys(names, connections)
        self.ack_delay_ms = 0
        self.drop_delay_ms = 0
        self.is_idle = False
        self.is_never_idle = False
        self.leaks = False
        self.hurt_links: dict[str, tuple[Toxic, ...]] = {}
        self.calls: list[str] = []
        self.refuse: set[str] = set()
        self.shut_links: set[str] = set()
        self.seen: dict[str, tuple[LinkConnection, ...]] = {}
        self.refuse_healing: set[str] = set()

    def names(self) -> Sequence[str]:
        return self._names

    def traffic(self) -> Mapping[str, LinkTraffic]:
        return {name: self._traffic(name) for name in self._names}

    def connections(self) -> Mapping[str, Sequence[LinkConnection]]:
        return {
            name: () if name in self.shut_links else self.seen.get(name, ()) for name in self._names
        }

    def change(self, link: str, toxics: Sequence[Toxic]) -> None:
        self.calls.append(f"change {link}")
        assert {t.name for t in toxics} == {t.name for t in self.hurt_links[link]}
        self.hurt_links[link] = tuple(toxics)

    def shut(self, link: str) -> None:
        self.calls.append(f"shut {link}")
        if link in self.refuse:
            raise ProvisionError(f"{link} refuses")
        self.shut_links.add(link)
        self.connections_now[link] = 0

    def retire(self, link: str, *, is_overdue: bool) -> bool:
        if not is_overdue and self.is_never_idle:
            return False
        self.calls.append(f"retire {link}")
        return True

    def recycle(self, link: str) -> None:
        self.calls.append(f"recycle {link}")
        self.seen[link] = ()

    def dropped(self) -> Mapping[str, DroppedBytes]:
        now = self._timer.now_ns()
        return {
            name: DroppedBytes(
                requests=0,
                replies=self._replies_lost.get(name, 0)
                if now >= self._dropped_from_ns.get(name, now + 1)
                else 0,
            )
            for name in self._names
        }

    def hurt(self, link: str, toxics: Sequence[Toxic]) -> None:
        self.calls.append(f"hurt {link}")
        if link in self.refuse:
            raise ProvisionError(f"{link} refuses")
        self.hurt_links[link] = tuple(toxics)
        self._cut_ns[link] = self._timer.now_ns()

    def heal(self, link: str) -> None:
        self.calls.append(f"heal {link}")
        if link in self.refuse_healing:
            raise ProvisionError(f"{link} stays hurt")
        self.shut_links.discard(link)
        toxics = self.hurt_links.pop(link, ())
        cut_ns = self._cut_ns.pop(link, None)
        if cut_ns is not None and any(t.type == "timeout" for t in toxics) and not self.is_idle:
            self._replies_lost[link] = (self._timer.now_ns() - cut_ns) // MS * 20
            self._dropped_from_ns[link] = self._timer.now_ns() + self.drop_delay_ms * MS

    def mute(self, link: str, stream: Stream) -> None:
        """Nothing comes on this stream any more, as from a process that is stopped."""
        self._mute_ns[link, stream] = self._timer.now_ns()

    def unmute(self, link: str) -> None:
        for stream in Stream:
            self._mute_ns.pop((link, stream), None)

    def _traffic(self, name: str) -> LinkTraffic:
        now = self._timer.now_ns()
        sent_ns = min(now, self._mute_ns.get((name, Stream.REQUESTS), now))
        ms = 0 if self.is_idle else (sent_ns - self._since_ns) // MS
        acknowledged_ns = now - self.ack_delay_ms * MS
        if name in self._cut_ns and self._cuts(name, Stream.REPLIES) and not self.leaks:
            acknowledged_ns = min(acknowledged_ns, self._cut_ns[name])
        acknowledged_ns = min(
            acknowledged_ns, self._mute_ns.get((name, Stream.REPLIES), acknowledged_ns)
        )
        reply_ms = 0 if self.is_idle else max(0, acknowledged_ns - self._since_ns) // MS
        return LinkTraffic(
            connections=self.connections_now[name], request_bytes=ms * 10, reply_bytes=reply_ms * 20
        )

    def _cuts(self, name: str, stream: Stream) -> bool:
        return any(t.stream is stream for t in self.hurt_links.get(name, ()))


class FakeNodes:
    """Nodes that die and come back; a kill closes the connections of their links."""

    def __init__(self, timer: FakeTimer, links: FakeLinks, names: Sequence[str]) -> None:
        self._timer = timer
        self._links = links
        self._names = tuple(names)
        self.alive = set(names)
        self.start_takes_s = 0.5
        self.kill_takes_s = 0.0
        self.failing_starts = 0
        self.keeps_connections = False
        self.leaks = False
        self.refuse_pause = False
        self.killed_at_stop = 0
        self.paused: set[str] = set()
        self.calls: list[str] = []

    def names(self) -> Sequence[str]:
        return self._names

    def links_of(self, node: str) -> Sequence[str]:
        return [link for link in self._links.names() if node in link.split("->")]

    def kill(self, node: str) -> Death:
        self.calls.append(f"kill {node}")
        self._timer.pause(self.kill_takes_s)
        self.alive.discard(node)
        if not self.keeps_connections:
            for link in self.links_of(node):
                self._links.connections_now[link] = 0
        return Death(processes=4)

    def stop(self, node: str) -> CleanStop:
        self.kill(node)
        self.calls[-1] = f"stop {node}"
        return CleanStop(processes=4, killed=self.killed_at_stop)

    def pause(self, node: str) -> int:
        self.calls.append(f"pause {node}")
        if self.refuse_pause:
            raise TimeoutError("process 7 does not stop")
        self.paused.add(node)
        for link in self.links_of(node):
            is_source = link.startswith(f"{node}->")
            if not self.leaks:
                self._links.mute(link, Stream.REQUESTS if is_source else Stream.REPLIES)
        return 4

    def resume(self, node: str) -> None:
        self.calls.append(f"resume {node}")
        self.paused.discard(node)
        for link in self.links_of(node):
            self._links.unmute(link)

    def start(self, node: str) -> None:
        self.calls.append(f"start {node}")
        self._timer.pause(self.start_takes_s)
        if self.failing_starts:
            self.failing_starts -= 1
            raise ProvisionError(f"{node} did not become ready")
        self.alive.add(node)

    def is_alive(self, node: str) -> bool:
        return node in self.alive


class FakeCrashPoints:
    """Crash points that tests trigger with `reach`."""

    def __init__(self, nodes: FakeNodes) -> None:
        self._nodes = nodes
        self._reached: dict[str, CrashReached] = {}
        self.armed: dict[str, tuple[str, int]] = {}
        self.calls: list[str] = []
        self.kills = True

    def arm(self, worker: str, point: str, nth: int) -> None:
        self.calls.append(f"arm {worker}")
        self.armed[worker] = (point, nth)

    def reached(self, worker: str) -> CrashReached | None:
        return self._reached.get(worker)

    def disarm(self, worker: str) -> None:
        self.calls.append(f"disarm {worker}")
        self.armed.pop(worker, None)

    def reach(self, worker: str, tx: str | None) -> None:
        assert worker in self.armed, f"{worker} is not armed"
        self._reached[worker] = CrashReached(tx=tx)
        if self.kills:
            self._nodes.alive.discard(worker)


class FakeSessions:
    """Three sessions, one of which is busy; they connect anew at once."""

    def __init__(self) -> None:
        self.now_busy = 1
        self.calls: list[str] = []
        self.refuse = False

    def count(self, database: str) -> int:
        del database
        if self.refuse:
            raise ProvisionError("no answer")
        return 3

    def end(self, database: str, within_s: float) -> EndedSessions:
        del within_s
        self.calls.append(f"end {database}")
        if self.refuse:
            raise ProvisionError("no answer")
        return EndedSessions(sessions=3, busy=self.now_busy)


class FakeRowLocks:
    """Tables of ten rows, for which sessions 7 and 8 wait."""

    def __init__(self) -> None:
        self.held: dict[str, str | None] = {}
        self.waiters = frozenset({7, 8})
        self.calls: list[str] = []
        self.refuse: set[str] = set()

    def hold(self, database: str, table: str | None) -> HeldRows:
        self.calls.append(f"hold {database}")
        if database in self.refuse:
            raise ProvisionError(f"{database} refuses")
        self.held[database] = table
        return HeldRows(table=table or "accounts", rows=10)

    def waiting(self, database: str) -> frozenset[int]:
        return self.waiters if database in self.held else frozenset()

    def release(self, database: str) -> None:
        self.calls.append(f"release {database}")
        self.held.pop(database, None)


class FakeDurability:
    """Workers with one durable file each, 100 bytes of which are lost with the power."""

    def __init__(self) -> None:
        self.why_unseen = ""
        self.files = 1
        self.cut: list[str] = []

    def unseen(self, worker: str) -> str:
        del worker
        return self.why_unseen

    def cut_back(self, worker: str) -> CutBack:
        self.cut.append(worker)
        return CutBack(files=self.files, cut_bytes=100 * self.files)
