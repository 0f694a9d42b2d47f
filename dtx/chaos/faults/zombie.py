"""zombie: a worker is stopped for longer than its lease, so that another takes over, and then goes on.

Layer: node. Unit: one worker with its whole process tree, drawn by the seed from the scope; without a scope from the
coordinators. Bytes in flight and healing: as pause; the worker believes that it still holds what was given to another
meanwhile. It stays stopped for `LENGTH_S` unless `for=` says otherwise: give it more than the system's lease. Proof:
that of pause. That another took over is the system's business: its workers' logs tell, dtx can't know.
"""

from dataclasses import dataclass
from typing import Final

from dtx.chaos.fault import Candidates, Ports, Wound
from dtx.chaos.pause_wound import PauseWound
from dtx.chaos.scope import nodes_in
from dtx.chaos.timer import Timer
from dtx.config.model import COORDINATOR, System
from dtx.core.errors import UnfitError, UsageError
from dtx.core.schedule import Layer, Proof, Window

LENGTH_S = 6.0
"""Longer than leases of tests, that are a second or two, and fits into a run of ten seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Zombie:
    """The fault as users name it."""

    name: str = "zombie"
    layer: Layer = Layer.NODE
    proof: Proof = Proof.PAUSE
    summary: str = "a worker is stopped for longer than its lease (6 s), and goes on"
    argument: str = ""

    def candidates(self, system: System, *, scope: str | None, argument: str | None) -> Candidates:
        """Return the workers of the scope, of which one is drawn; without a scope, of the coordinators.

        Raises:
            UsageError: no worker is in the scope.
        """
        del argument
        if scope is None and not any(w.role == COORDINATOR for w in system.workers.values()):
            raise UnfitError(
                f"no worker of {system.name} has the role {COORDINATOR}",
                hint=f"name a worker: {self.name}@{next(iter(system.workers), 'WORKER')}",
            )
        nodes = nodes_in(system, scope or COORDINATOR)
        targets = tuple(node for node in nodes if node in system.workers)
        if not targets:
            raise UsageError(
                f"@{scope} is no worker, and only a worker can come back as a zombie",
                hint=f"stop a database with pause@{scope}",
            )
        return Candidates(targets=targets, take=1, length_s=LENGTH_S)

    def wound(self, window: Window, targets: tuple[str, ...], ports: Ports, timer: Timer) -> Wound:
        """Return the wound of one window."""
        return PauseWound(window, targets, ports, timer)


FAULT: Final = Zombie()
