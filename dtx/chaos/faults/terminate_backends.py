"""terminate-backends: a database ends the sessions of its clients, again and again, and goes on running.

Layer: node. Unit: every session of one database but the harness's own; the database is drawn by the seed from the scope.
As an administrator's script, a connection pooler or a failover does it: pg_terminate_backend, every `EVERY_S` while the
window is on, at a moment when a session is in a transaction if there is one soon. Bytes in flight: the client gets an
error (57P01) and the end of the stream; a COMMIT that was under way took place or did not. Healing: nothing to undo; it is
over once no ended session is left and the database answers. Proof: sessions ended that were in a transaction or a
statement, while a transaction of the run was under way.
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from dtx.chaos.fault import Candidates, Evidence, Ports, Wound
from dtx.chaos.scope import databases_in
from dtx.chaos.timer import Timer, poll
from dtx.config.model import System
from dtx.core.history import NodeEvidence
from dtx.core.schedule import Layer, Proof, Window

EVERY_S = 0.5
"""Long enough for pools to connect anew and for some work to get through."""
AIM_WITHIN_S = 0.2
BUSY_WITHIN_S = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminateBackends:
    """The fault as users name it."""

    name: str = "terminate-backends"
    layer: Layer = Layer.NODE
    proof: Proof = Proof.SESSIONS
    summary: str = "a database ends all its clients' sessions, twice a second, and runs on"
    argument: str = ""

    def candidates(self, system: System, *, scope: str | None, argument: str | None) -> Candidates:
        """Return the databases of the scope, of which one is drawn; without a scope, of all.

        Raises:
            UsageError: the scope means no database.
        """
        del argument
        return Candidates(targets=databases_in(system, scope), take=1)

    def wound(self, window: Window, targets: tuple[str, ...], ports: Ports, timer: Timer) -> Wound:
        """Return the wound of one window."""
        del window
        return _SessionsWound(targets, ports, timer)


FAULT: Final = TerminateBackends()


class _SessionsWound:
    """Databases whose sessions end again and again."""

    watch_every_s = 0.05

    def __init__(self, targets: tuple[str, ...], ports: Ports, timer: Timer) -> None:
        self._ports = ports
        self._timer = timer
        self._ended_ns = 0
        self._seen = {node: NodeEvidence(node=node) for node in targets}

    def aim(self) -> None:
        """Wait, bounded, until a transaction is under way; that a session is busy, the database waits for."""
        poll(lambda: self._ports.in_flight.count() >= 1, self._timer, within_s=AIM_WITHIN_S)

    def inject(self) -> None:
        """End all sessions for the first time."""
        self._end_all()
        for node, seen in self._seen.items():
            self._seen[node] = msgspec.structs.replace(seen, connections=seen.sessions)

    def watch(self) -> bool:
        """End them again when it is time."""
        if self._timer.now_ns() - self._ended_ns >= EVERY_S * 1e9:
            self._end_all()
        return False

    def heal(self) -> None:
        """See that every database answers.

        Raises:
            DtxError: one does not.
        """
        for node in self._seen:
            self._ports.sessions.count(node)

    def evidence(self) -> Evidence:
        """Return how many sessions were ended."""
        return Evidence(nodes=tuple(self._seen.values()))

    def _end_all(self) -> None:
        for node, seen in self._seen.items():
            ended = self._ports.sessions.end(node, BUSY_WITHIN_S)
            self._seen[node] = msgspec.structs.replace(
                seen, sessions=seen.sessions + ended.sessions, busy=seen.busy + ended.busy
            )
        self._ended_ns = self._timer.now_ns()
