"""kill: SIGKILL to the whole process tree of a worker or a database, started again when the window ends.

Layer: node. Unit: one node, drawn by the seed from the scope. Bytes in flight: lost with the sockets; the kernel keeps
the page cache, so unsynced files survive (that is power-loss's business). Healing: the node starts on the same data
and address, and is healed once it is ready. Proof: a transaction was under way, and open connections of the node's
links went silent.
"""

from dataclasses import dataclass
from typing import Final

from dtx.chaos.down_wound import DownWound
from dtx.chaos.fault import Candidates, Ports, Wound
from dtx.chaos.restart import kill
from dtx.chaos.scope import EVERYTHING, nodes_in
from dtx.chaos.timer import Timer
from dtx.config.model import System
from dtx.core.ports import CleanStop
from dtx.core.schedule import Layer, Proof, Window


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
        return DownWound(_put_down, targets, ports, timer)


def _put_down(node: str, ports: Ports, timer: Timer) -> CleanStop:
    processes = kill(node, ports, timer).processes
    return CleanStop(processes=processes, killed=processes)


FAULT: Final = Kill()
