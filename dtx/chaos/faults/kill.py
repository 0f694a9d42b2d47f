"""kill: SIGKILL to the whole process tree of a worker or a database, started again when the window ends.

Layer: node. Unit: one node, drawn by the seed from the scope. Bytes in flight: lost with the sockets; the kernel keeps
the page cache, so unsynced files survive (that is power-loss's business). Healing: the node starts on the same data
and address, and is healed once it is ready. Proof: a transaction was under way, and open connections of the node's
links went silent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from dtx.chaos.fault import Candidates, Evidence, Ports, Wound
from dtx.chaos.restart import kill, restart
from dtx.chaos.scope import EVERYTHING, nodes_in
from dtx.chaos.timer import Timer, poll
from dtx.config.model import System
from dtx.core.errors import DtxError
from dtx.core.history import NodeEvidence
from dtx.core.ports import LinkTraffic
from dtx.core.schedule import Layer, Proof, Window

AIM_WITHIN_S = 1.0
SILENCE_WITHIN_S = 0.3
SETTLE_S = 0.05
"""What the node had said before it died is acknowledged up to 40 ms later; see dtx.chaos.link_wound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """The fault as users name it."""

    name: str = "kill"
    layer: Layer = Layer.NODE
    proof: Proof = Proof.DEATH
    summary: str = (
        "SIGKILL to a worker or database with all its processes; started again at the end"
    )
    argument: str = ""

    def candidates(self, system: System, *, scope: str | None, argument: str | None) -> Candidates:
        """Return the nodes of the scope, of which one is drawn; without a scope, of all nodes.

        Raises:
            UsageError: there is no such node.
        """
        del argument
        return Candidates(targets=nodes_in(system, scope or EVERYTHING), take=1)

    def wound(self, window: Window, targets: tuple[str, ...], ports: Ports, timer: Timer) -> Wound:
        """Return the wound of one window."""
        del window
        return _KillWound(targets, ports, timer)


FAULT: Final = Kill()


class _KillWound:
    """Dead nodes, until they are ready again."""

    watch_every_s = 0.5

    def __init__(self, targets: tuple[str, ...], ports: Ports, timer: Timer) -> None:
        self._targets = targets
        self._ports = ports
        self._timer = timer
        self._before: dict[str, Mapping[str, LinkTraffic]] = {}
        self._killed_ns: dict[str, int] = {}
        self._evidence: dict[str, NodeEvidence] = {}

    def aim(self) -> None:
        """Wait, bounded, until a transaction is under way and each node has an open connection."""
        poll(self._is_busy, self._timer, within_s=AIM_WITHIN_S)

    def inject(self) -> None:
        """Kill each node and look which of its connections went silent."""
        for node in self._targets:
            # As `aim` saw it: to look again now would give the transaction that it saw time to end.
            before = self._before.get(node) or self._traffic_of(node)
            self._killed_ns[node] = self._timer.now_ns()
            death = kill(node, self._ports, self._timer)
            self._evidence[node] = NodeEvidence(
                node=node,
                processes=death.processes,
                connections=sum(t.connections for t in before.values()),
            )
            self._note(node, silenced=self._count_silenced(node, before))

    def watch(self) -> bool:
        """Nothing to sample: what proves a death is read right after it."""
        return False

    def heal(self) -> None:
        """Start every node that is dead and wait until it is ready.

        Raises:
            DtxError: the first node that did not come back; the others did.
        """
        first_error: DtxError | None = None
        for node, killed_ns in self._killed_ns.items():
            try:
                if self._ports.nodes.is_alive(node) and node not in self._evidence:
                    continue  # The kill itself failed and left it running.
                restart(node, self._ports, self._timer)
            except DtxError as error:
                first_error = first_error or error
            else:
                down_s = (self._timer.now_ns() - killed_ns) / 1e9
                self._note(node, restarted_after_s=down_s)
        if first_error is not None:
            raise first_error

    def evidence(self) -> Evidence:
        """Return what the deaths did."""
        return Evidence(nodes=tuple(self._evidence.values()))

    def _is_busy(self) -> bool:
        self._before = {node: self._traffic_of(node) for node in self._targets}
        if not all(any(t.connections for t in links.values()) for links in self._before.values()):
            return False
        return self._ports.in_flight.count() >= 1

    def _traffic_of(self, node: str) -> Mapping[str, LinkTraffic]:
        traffic = self._ports.links.traffic()
        return {name: traffic[name] for name in self._ports.nodes.links_of(node)}

    def _count_silenced(self, node: str, before: Mapping[str, LinkTraffic]) -> int:
        """Count the connections that are gone, or that nothing came from the dead node on since it died."""
        connections = sum(t.connections for t in before.values())
        self._timer.pause(SETTLE_S)
        at_death = now = self._traffic_of(node)

        def are_all_gone() -> bool:
            nonlocal now
            now = self._traffic_of(node)
            gone = sum(max(0, before[x].connections - now[x].connections) for x in before)
            return gone == connections

        if poll(are_all_gone, self._timer, within_s=SILENCE_WITHIN_S):
            return connections
        silenced = 0
        for name, was in before.items():
            is_silent = _spoken(node, name, now) == _spoken(node, name, at_death)
            gone = max(0, was.connections - now[name].connections)
            silenced += was.connections if is_silent else gone
        return silenced

    def _note(self, node: str, **seen: int | float) -> None:
        known = self._evidence.get(node, NodeEvidence(node=node))
        self._evidence[node] = msgspec.structs.replace(known, **seen)


def _spoken(node: str, link: str, traffic: Mapping[str, LinkTraffic]) -> int:
    """Return the bytes that came from the node on one of its links: requests of a source, replies of a destination."""
    is_source = link.startswith(f"{node}->")
    return traffic[link].request_bytes if is_source else traffic[link].reply_bytes
