"""restart: a worker or a database is stopped as an operator would stop it, under load, and started again.

Layer: node. Unit: one node, drawn by the seed from the scope. A worker gets SIGTERM; a database its fast shutdown,
which rolls back what is under way and tells every client so. Bytes in flight: what the node still answers arrives,
the rest is lost with the sockets. It stays down until the window ends: one second unless `for=` says otherwise.
Healing: it starts on the same data and address, and is healed once it is ready. Proof: that of kill, and that it
ended by itself in time: a node that had to be killed did not stop cleanly.
"""

from dataclasses import dataclass
from typing import Final

from dtx.chaos.down_wound import DownWound
from dtx.chaos.fault import Candidates, Ports, Wound
from dtx.chaos.restart import stop
from dtx.chaos.scope import EVERYTHING, nodes_in
from dtx.chaos.timer import Timer
from dtx.config.model import System
from dtx.core.schedule import Layer, Proof, Window

DOWN_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """The fault as users name it."""

    name: str = "restart"
    layer: Layer = Layer.NODE
    proof: Proof = Proof.RESTART
    summary: str = "a clean stop of a worker or database under load; started again after a second"
    argument: str = ""

    def candidates(self, system: System, *, scope: str | None, argument: str | None) -> Candidates:
        """Return the nodes of the scope, of which one is drawn; without a scope, of all nodes.

        Raises:
            UsageError: there is no such node.
        """
        del argument
        targets = nodes_in(system, scope or EVERYTHING)
        return Candidates(targets=targets, take=1, length_s=DOWN_S)

    def wound(self, window: Window, targets: tuple[str, ...], ports: Ports, timer: Timer) -> Wound:
        """Return the wound of one window."""
        del window
        return DownWound(stop, targets, ports, timer)


FAULT: Final = Restart()
