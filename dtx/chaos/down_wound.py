"""Nodes that are put down and brought back: what kill and restart have in common."""

from collections.abc import Callable

import msgspec

from dtx.chaos.fault import Evidence, Ports
from dtx.chaos.node_links import NodeLinks, count_connections
from dtx.chaos.restart import restart
from dtx.chaos.timer import Timer
from dtx.core.errors import DtxError
from dtx.core.history import NodeEvidence
from dtx.core.ports import CleanStop

PutDown = Callable[[str, Ports, Timer], CleanStop]
"""Ends one node and records it."""


class DownWound:
    """Nodes that are down, until they are ready again."""

    watch_every_s = 0.5

    def __init__(
        self, put_down: PutDown, targets: tuple[str, ...], ports: Ports, timer: Timer
    ) -> None:
        self._put_down = put_down
        self._targets = targets
        self._ports = ports
        self._timer = timer
        self._links = NodeLinks(targets, ports, timer)
        self._down_ns: dict[str, int] = {}
        self._evidence: dict[str, NodeEvidence] = {}

    def aim(self) -> None:
        """Wait, bounded, until a transaction is under way and each node has an open connection."""
        self._links.aim()

    def inject(self) -> None:
        """Put each node down and look which of its connections went silent."""
        for node in self._targets:
            before = self._links.before(node)
            self._down_ns[node] = self._timer.now_ns()
            ended = self._put_down(node, self._ports, self._timer)
            self._evidence[node] = NodeEvidence(
                node=node,
                processes=ended.processes,
                forced=ended.killed,
                connections=count_connections(before),
            )
            self._note(node, silenced=self._links.count_silenced(node, before))

    def watch(self) -> bool:
        """Nothing to sample: what proves an end is read right after it."""
        return False

    def heal(self) -> None:
        """Start every node that is down and wait until it is ready.

        Raises:
            DtxError: the first node that did not come back; the others did.
        """
        first_error: DtxError | None = None
        for node, down_ns in self._down_ns.items():
            try:
                if self._ports.nodes.is_alive(node) and node not in self._evidence:
                    continue  # It could not even be put down, and runs.
                restart(node, self._ports, self._timer)
            except DtxError as error:
                first_error = first_error or error
            else:
                down_s = (self._timer.now_ns() - down_ns) / 1e9
                self._note(node, restarted_after_s=down_s)
        if first_error is not None:
            raise first_error

    def evidence(self) -> Evidence:
        """Return what the ends did."""
        return Evidence(nodes=tuple(self._evidence.values()))

    def _note(self, node: str, **seen: int | float) -> None:
        known = self._evidence.get(node, NodeEvidence(node=node))
        self._evidence[node] = msgspec.structs.replace(known, **seen)
