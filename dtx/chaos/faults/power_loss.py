"""power-loss: a worker is killed, and its durable files lose what was not synced, as when its machine loses power.

Layer: node. Unit: one worker that has durable files in system.toml, drawn by the seed from the scope, with its whole process
tree. Bytes in flight: as kill. SIGKILL alone keeps the page cache, so it can't show that a sync is missing: after it, each
durable file is cut back to the length that was last synced. What was overwritten in place stays as it is. Healing: the
worker starts on what is left. It is down until the window ends: one second unless `for=` says otherwise.

Proof: that of kill, and that durable files were there of which all that was synced is known. A program that syncs
before it answers loses nothing that it promised, and the fault lands all the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from dtx.chaos.down_wound import DownWound
from dtx.chaos.fault import Candidates, Evidence, Ports, Wound
from dtx.chaos.restart import kill
from dtx.chaos.scope import EVERYTHING, nodes_in
from dtx.chaos.timer import Timer
from dtx.config.model import System
from dtx.core.errors import UnfitError, UsageError
from dtx.core.history import NodeEvidence
from dtx.core.ports import CleanStop, CutBack, Death
from dtx.core.schedule import Layer, Proof, Window

DOWN_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLoss:
    """The fault as users name it."""

    name: str = "power-loss"
    layer: Layer = Layer.NODE
    proof: Proof = Proof.POWER_LOSS
    summary: str = "a worker is killed, and its durable files lose what it had not synced"
    argument: str = ""

    def candidates(self, system: System, *, scope: str | None, argument: str | None) -> Candidates:
        """Return the workers of the scope that have durable files, of which one is drawn.

        Raises:
            UsageError: no worker of the scope has any.
            UnfitError: no worker at all has.
        """
        del argument
        lasting = tuple(name for name, worker in system.workers.items() if worker.durable)
        if not lasting:
            raise UnfitError(
                f"no worker of {system.name} has durable files",
                hint='name them in its table: durable = ["journal.log"], see docs/how-to/power-loss.md',
            )
        nodes = nodes_in(system, scope or EVERYTHING)
        targets = tuple(name for name in lasting if name in nodes)
        if not targets:
            raise UsageError(
                f"no worker in @{scope} has durable files", hint=f"these have: {', '.join(lasting)}"
            )
        return Candidates(targets=targets, take=1, length_s=DOWN_S)

    def wound(self, window: Window, targets: tuple[str, ...], ports: Ports, timer: Timer) -> Wound:
        """Return the wound of one window."""
        del window
        return _PowerLossWound(targets, ports, timer)


FAULT: Final = PowerLoss()


class _PowerLossWound(DownWound):
    """Workers that are down, and what their files lost."""

    def __init__(self, targets: tuple[str, ...], ports: Ports, timer: Timer) -> None:
        super().__init__(self._put_down, targets, ports, timer)
        self._losses: dict[str, Mapping[str, int | str]] = {}

    def evidence(self) -> Evidence:
        """Return what the ends did, and what they took."""
        return Evidence(nodes=tuple(self._with_loss(seen) for seen in super().evidence().nodes))

    def _put_down(self, node: str, ports: Ports, timer: Timer) -> CleanStop:
        unseen = ports.durability.unseen(node)

        def lose(_: Death) -> str:
            # Not knowing what was synced, to cut anything could take what was promised.
            lost = CutBack(files=0, cut_bytes=0) if unseen else ports.durability.cut_back(node)
            self._losses[node] = {
                "durable_files": lost.files,
                "cut_bytes": lost.cut_bytes,
                "unseen": unseen,
            }
            return "" if unseen else f"{lost.cut_bytes} bytes that were not synced are lost"

        processes = kill(node, ports, timer, then=lose).processes
        return CleanStop(processes=processes, killed=processes)

    def _with_loss(self, seen: NodeEvidence) -> NodeEvidence:
        return msgspec.structs.replace(seen, **self._losses.get(seen.node, {}))
