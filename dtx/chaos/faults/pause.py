"""pause: every process of a worker or a database is stopped, and goes on when the window ends as if nothing had been.

Layer: node. Unit: one node with its whole process tree, drawn by the seed from the scope. SIGSTOP, repeated until all are
stopped: not to the first process only, whose children go on, and not the freezer, which fails on some kernels. Bytes in
flight: the kernel goes on taking them, and acknowledges them, as far as its buffers reach. Healing: SIGCONT until none
is stopped; what was sent meanwhile is then worked off, be its sender gone or not, and what it was doing is finished.
Proof: a transaction was under way, something was sent to the node, and no open connection of its links said anything.
"""

from dataclasses import dataclass
from typing import Final

from dtx.chaos.fault import Candidates, Ports, Wound
from dtx.chaos.pause_wound import PauseWound
from dtx.chaos.scope import EVERYTHING, nodes_in
from dtx.chaos.timer import Timer
from dtx.config.model import System
from dtx.core.schedule import Layer, Proof, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """The fault as users name it."""

    name: str = "pause"
    layer: Layer = Layer.NODE
    proof: Proof = Proof.PAUSE
    summary: str = "SIGSTOP to a worker or database with all its processes; SIGCONT at the end"
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
        return PauseWound(window, targets, ports, timer)


FAULT: Final = Pause()
