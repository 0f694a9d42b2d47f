"""crash-at:POINT: a worker kills itself with SIGKILL at the n-th pass of a named crash point.

Layer: node. Unit: every worker of the scope that declares the point, each armed on its own. Bytes in flight: lost with
the sockets. The window is how long the point is armed; if half of it went by and the n-th pass has not come, the next
pass counts: points on rare ways would seldom be reached else. A worker that died stays down for `DOWN_S`, at the longest until
the window ends, and is started again; when all have come back, the window ends early. Healing: the point is disarmed,
and a worker that is still dead is started. Proof: the worker wrote that it reached the point, and its process is gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from dtx.chaos.fault import Candidates, Evidence, Ports, Wound
from dtx.chaos.nearest import unknown
from dtx.chaos.restart import restart
from dtx.chaos.scope import nodes_in
from dtx.chaos.timer import Timer, poll
from dtx.config.model import System
from dtx.core.errors import DtxError, ProvisionError, UnfitError, UsageError
from dtx.core.history import NodeEvidence, ProcessChange, ProcessEvent
from dtx.core.ports import CrashReached
from dtx.core.schedule import Layer, Proof, Window

DOWN_S = 1.0
"""Long enough for the others to run into their time-outs, short enough for recovery to be seen within the run."""
MAX_NTH = 5
DEAD_WITHIN_S = 2.0
RACE_S = 0.02
"""A worker may look at its crash file just before it is disarmed, and die just after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashAt:
    """The fault as users name it."""

    name: str = "crash-at"
    layer: Layer = Layer.NODE
    proof: Proof = Proof.CRASH
    summary: str = "the worker kills itself when it passes the named crash point for the n-th time"
    argument: str = "a crash point that a worker declares"

    def variations(self, system: System) -> Sequence[str]:
        """Return every crash point, for a random schedule."""
        return tuple(dict.fromkeys(p for w in system.workers.values() for p in w.crash_points))

    def candidates(self, system: System, *, scope: str | None, argument: str | None) -> Candidates:
        """Return the workers that declare the point, those of the scope if there is one.

        Raises:
            UsageError: no worker of the scope declares it.
        """
        declared = self.variations(system)
        if not declared:
            raise UnfitError(
                f"no worker of {system.name} declares a crash point",
                hint="docs/how-to/crash-points.md shows how",
            )
        if argument not in declared:
            raise unknown("crash point", argument or "", declared)
        workers = tuple(n for n, w in system.workers.items() if argument in w.crash_points)
        nodes = workers if scope is None else nodes_in(system, scope)
        targets = tuple(worker for worker in workers if worker in nodes)
        if not targets:
            raise UsageError(
                f"no worker in @{scope} declares crash point {argument}",
                hint=f"it is declared by {', '.join(workers)}",
            )
        return Candidates(targets=targets, max_nth=MAX_NTH)

    def wound(self, window: Window, targets: tuple[str, ...], ports: Ports, timer: Timer) -> Wound:
        """Return the wound of one window."""
        return _CrashWound(window, targets, ports, timer)


FAULT: Final = CrashAt()


class _CrashWound:
    """Armed workers, some of which have died and come back."""

    watch_every_s = 0.01

    def __init__(
        self, window: Window, targets: tuple[str, ...], ports: Ports, timer: Timer
    ) -> None:
        self._point = window.arg or ""
        self._nth = window.nth
        self._half_ns = int((window.until_s - window.at_s) * 1e9 / 2)
        self._armed_ns = 0
        self._is_hurried = window.nth == 1
        self._ports = ports
        self._timer = timer
        self._is_armed = False
        self._died_ns: dict[str, int] = {}
        self._seen = {node: NodeEvidence(node=node) for node in targets}

    def aim(self) -> None:
        """Nothing to wait for: the worker dies in the middle of its work by definition."""

    def inject(self) -> None:
        """Arm the point in every worker."""
        self._is_armed = True
        self._armed_ns = self._timer.now_ns()
        for node in self._seen:
            self._ports.crash_points.arm(node, self._point, self._nth)

    def watch(self) -> bool:
        """Note the deaths, and start again who was down long enough; True when all died and are back."""
        for node in self._seen:
            self._look_at(node)
            died_ns = self._died_ns.get(node)
            is_due = died_ns is not None and self._timer.now_ns() - died_ns >= DOWN_S * 1e9
            if is_due and self._seen[node].restarted_after_s is None:
                # Disarmed first: a restarted worker must not die again at the same point.
                self._ports.crash_points.disarm(node)
                self._bring_back(node)
        self._hurry()
        return all(seen.restarted_after_s is not None for seen in self._seen.values())

    def _hurry(self) -> None:
        """Let the next pass count in the second half of the window, for who has not come to the n-th."""
        if self._is_hurried or self._timer.now_ns() - self._armed_ns < self._half_ns:
            return
        self._is_hurried = True
        for node, seen in self._seen.items():
            if not seen.is_crash_reached:
                self._ports.crash_points.arm(node, self._point, 1)

    def heal(self) -> None:
        """Disarm every worker, and start those that are dead.

        Raises:
            DtxError: the first worker that could not be healed; the others were.
        """
        first_error: DtxError | None = None
        for node in self._seen if self._is_armed else ():
            try:
                self._heal(node)
            except DtxError as error:
                first_error = first_error or error
        if first_error is not None:
            raise first_error

    def evidence(self) -> Evidence:
        """Return which workers reached the point."""
        return Evidence(nodes=tuple(self._seen.values()))

    def _heal(self, node: str) -> None:
        if self._seen[node].restarted_after_s is not None:
            return
        try:
            self._look_at(node)
            self._ports.crash_points.disarm(node)
        finally:
            self._timer.pause(RACE_S)
            self._look_at(node)
            if not self._ports.nodes.is_alive(node):
                self._bring_back(node)

    def _look_at(self, node: str) -> None:
        """Note that a worker has reached the point, once."""
        if self._seen[node].is_crash_reached:
            return
        reached = self._ports.crash_points.reached(node)
        if reached is None:
            return
        at_ns = self._timer.now_ns()
        self._died_ns[node] = at_ns
        self._seen[node] = NodeEvidence(node=node, is_crash_reached=True, tx=reached.tx)
        is_dead = poll(
            lambda: not self._ports.nodes.is_alive(node), self._timer, within_s=DEAD_WITHIN_S
        )
        if not is_dead:
            raise ProvisionError(
                f"{node} says that it reached crash point {self._point}, but it still runs",
                hint="after writing `reached` a worker must kill itself with SIGKILL",
            )
        self._seen[node] = msgspec.structs.replace(self._seen[node], processes=1)
        self._ports.recorder.append(
            ProcessEvent(
                at_ns=at_ns,
                node=node,
                change=ProcessChange.KILLED,
                detail=f"killed itself at crash point {self._point}{_of_tx(reached)}",
            )
        )

    def _bring_back(self, node: str) -> None:
        restart(node, self._ports, self._timer)
        died_ns = self._died_ns.get(node, self._timer.now_ns())
        down_s = (self._timer.now_ns() - died_ns) / 1e9
        self._seen[node] = msgspec.structs.replace(self._seen[node], restarted_after_s=down_s)


def _of_tx(reached: CrashReached) -> str:
    return f" (tx {reached.tx})" if reached.tx else ""
