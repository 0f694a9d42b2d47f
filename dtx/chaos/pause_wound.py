"""Stopped process trees: what pause and zombie have in common."""

import msgspec

from dtx.chaos.fault import Evidence, Ports
from dtx.chaos.node_links import (
    SETTLE_S,
    NodeLinks,
    Traffic,
    count_connections,
    heard,
    said,
    spoken,
)
from dtx.chaos.timer import Timer, poll
from dtx.core.history import NodeEvidence, ProcessChange, ProcessEvent
from dtx.core.schedule import Window

SPEAKS_WITHIN_S = 0.5


class PauseWound:
    """Nodes of which every process is stopped, and what was said on their links meanwhile."""

    watch_every_s = 0.05

    def __init__(
        self, window: Window, targets: tuple[str, ...], ports: Ports, timer: Timer
    ) -> None:
        self._targets = targets
        self._ports = ports
        self._timer = timer
        self._settle_s = min(SETTLE_S, (window.until_s - window.at_s) / 4)
        self._links = NodeLinks(targets, ports, timer)
        self._before: dict[str, Traffic] = {}
        self._stopped: dict[str, Traffic] = {}
        self._settled: dict[str, Traffic] = {}
        self._latest: dict[str, Traffic] = {}
        self._began_ns: dict[str, int] = {}
        self._evidence: dict[str, NodeEvidence] = {}

    def aim(self) -> None:
        """Wait, bounded, until a transaction is under way and each node has an open connection."""
        self._links.aim()

    def inject(self) -> None:
        """Stop each node, then take the baselines: of what is said to it at once, of what it says once settled."""
        for node in self._targets:
            self._before[node] = self._links.before(node)
            self._began_ns[node] = self._timer.now_ns()
            processes = self._ports.nodes.pause(node)
            self._record(node, ProcessChange.PAUSED, f"{_count(processes)} by SIGSTOP")
            self._evidence[node] = NodeEvidence(
                node=node,
                processes=processes,
                connections=count_connections(self._before[node]),
            )
            self._stopped[node] = self._links.traffic_of(node)
        self._timer.pause(self._settle_s)
        self._settled = {node: self._links.traffic_of(node) for node in self._targets}
        self._latest = dict(self._settled)

    def watch(self) -> bool:
        """Sample the counters: those of a connection that ends between two samples are lost."""
        for node in self._settled:
            self._latest[node] = self._links.traffic_of(node)
        return False

    def heal(self) -> None:
        """Take a last sample, then let every node go on, one that could not be stopped whole too.

        Raises:
            Exception: the first thing that went wrong; every node was tried.
        """
        first_error: Exception | None = None
        try:
            self.watch()
            for node in self._settled:
                self._look_at(node)
        except Exception as error:  # Whatever it is, the nodes must go on.
            first_error = error
        for node in self._began_ns:
            try:
                self._ports.nodes.resume(node)
                self._record(node, ProcessChange.RESUMED)
                self._note(node, resumed_after_s=self._seconds_since(self._began_ns[node]))
            except Exception as error:
                first_error = first_error or error
        if first_error is not None:
            raise first_error
        self._listen()

    def evidence(self) -> Evidence:
        """Return what was stopped and how silent it was."""
        return Evidence(nodes=tuple(self._evidence.values()))

    def _look_at(self, node: str) -> None:
        """Note which links were silent, and what others sent to the node that it could not take."""
        now, settled = self._latest[node], self._settled[node]
        silenced = sum(
            was.connections
            for name, was in self._before[node].items()
            if spoken(node, name, now) == spoken(node, name, settled)
        )
        held = heard(node, now) - heard(node, self._stopped[node])
        self._note(node, silenced=silenced, held_bytes=held)

    def _listen(self) -> None:
        """Wait, bounded, until the nodes have said something: they had unfinished work.

        A client that waited for its answer sends nothing more meanwhile: that it gets one now is the proof then.
        """

        def have_spoken() -> bool:
            for node, silent in self._latest.items():
                resumed = said(node, self._links.traffic_of(node)) - said(node, silent)
                self._note(node, resumed_bytes=max(0, resumed))
            return all(seen.resumed_bytes for seen in self._evidence.values())

        poll(have_spoken, self._timer, within_s=SPEAKS_WITHIN_S)

    def _note(self, node: str, **seen: int | float) -> None:
        known = self._evidence.get(node, NodeEvidence(node=node))
        self._evidence[node] = msgspec.structs.replace(known, **seen)

    def _record(self, node: str, change: ProcessChange, detail: str = "") -> None:
        event = ProcessEvent(at_ns=self._timer.now_ns(), node=node, change=change, detail=detail)
        self._ports.recorder.append(event)

    def _seconds_since(self, begin_ns: int) -> float:
        return (self._timer.now_ns() - begin_ns) / 1e9


def _count(processes: int) -> str:
    return f"{processes} process{'' if processes == 1 else 'es'}"
