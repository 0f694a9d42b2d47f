"""lock:TABLE: a session of the harness holds row locks in a database while the window is on, as a stuck operator would.

Layer: node. Unit: all rows that the table has at that moment (at most 10,000), locked `for update` in one transaction; the
database is that of the scope. `lock:busiest` takes the table whose rows are updated most often. Who updates or deletes such a
row, or inserts one that refers to it, waits; readers and inserts of new rows do not. Bytes in flight: none are touched,
answers come late or, after the waiters' own lock time-outs, as errors. Healing: rolled back, and the session is gone; who
still waits goes on. Proof: rows were held, a transaction was under way, and a session waited for these locks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from dtx.chaos.fault import Candidates, Evidence, Ports, Wound
from dtx.chaos.scope import databases_in
from dtx.chaos.timer import Timer, poll
from dtx.config.model import System
from dtx.core.errors import DtxError, UsageError
from dtx.core.history import NodeEvidence
from dtx.core.schedule import Layer, Proof, Window

BUSIEST = "busiest"
"""Instead of a table's name: the one whose rows are updated most often."""
AIM_WITHIN_S = 0.2
AGAIN_S = 0.15
"""Rows that each transaction makes for itself are not among those held unless it began before: while nobody waits, they are
let go of and taken again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """The fault as users name it."""

    name: str = "lock"
    layer: Layer = Layer.NODE
    proof: Proof = Proof.LOCKS
    summary: str = "a session of the harness holds the rows of a table of a database"
    argument: str = "a table of the database, or `busiest`"

    def variations(self, system: System) -> Sequence[str]:
        """Return the argument for a random schedule."""
        del system
        return (BUSIEST,)

    def candidates(self, system: System, *, scope: str | None, argument: str | None) -> Candidates:
        """Return the databases of the scope, of which one is drawn; a table's name needs exactly one.

        Raises:
            UsageError: the scope means no database, or several could have the table.
        """
        targets = databases_in(system, scope)
        if argument != BUSIEST and len(targets) > 1:
            raise UsageError(
                f"which database has the table {argument}?",
                hint=f"name it: lock:{argument}@{targets[0]}; or take any: lock:{BUSIEST}",
            )
        return Candidates(targets=targets, take=1)

    def wound(self, window: Window, targets: tuple[str, ...], ports: Ports, timer: Timer) -> Wound:
        """Return the wound of one window."""
        return _LockWound(window, targets, ports, timer)


FAULT: Final = Lock()


class _LockWound:
    """Databases in which rows are held, and who was seen to wait for them."""

    watch_every_s = 0.1

    def __init__(
        self, window: Window, targets: tuple[str, ...], ports: Ports, timer: Timer
    ) -> None:
        self._table = None if window.arg == BUSIEST else window.arg
        self._ports = ports
        self._timer = timer
        self._held_ns = 0
        self._waiters: dict[str, set[int]] = {node: set() for node in targets}
        self._seen = {node: NodeEvidence(node=node) for node in targets}

    def aim(self) -> None:
        """Wait, bounded, until a transaction is under way."""
        poll(lambda: self._ports.in_flight.count() >= 1, self._timer, within_s=AIM_WITHIN_S)

    def inject(self) -> None:
        """Lock the rows in each database."""
        self._hold()

    def watch(self) -> bool:
        """Note who waits for them; while nobody does, take those that have come meanwhile too."""
        self._look()
        is_due = self._timer.now_ns() - self._held_ns >= AGAIN_S * 1e9
        if is_due and not any(self._waiters.values()):
            for node in self._seen:
                self._ports.row_locks.release(node)
            self._hold()
        return False

    def heal(self) -> None:
        """Look a last time, then let go of the rows in every database.

        Raises:
            DtxError: the first database in which they are held still; the others were tried.
        """
        first_error: DtxError | None = None
        try:
            self._look()
        except DtxError as error:
            first_error = error
        for node in self._seen:
            try:
                self._ports.row_locks.release(node)
            except DtxError as error:
                first_error = first_error or error
        if first_error is not None:
            raise first_error

    def evidence(self) -> Evidence:
        """Return what was held and who waited."""
        return Evidence(nodes=tuple(self._seen.values()))

    def _hold(self) -> None:
        for node in self._seen:
            held = self._ports.row_locks.hold(node, self._table)
            self._seen[node] = NodeEvidence(node=node, rows=held.rows, table=held.table)
        self._held_ns = self._timer.now_ns()

    def _look(self) -> None:
        for node, waiters in self._waiters.items():
            waiters.update(self._ports.row_locks.waiting(node))
            self._seen[node] = msgspec.structs.replace(self._seen[node], waiters=len(waiters))
