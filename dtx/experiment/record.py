"""The history of a running trial: written to its folder, and counted for whoever wants to know how it stands."""

import threading
import time
from collections import Counter

from dtx.core.events import Hurt, RecentLatency
from dtx.core.history import (
    Completed,
    FaultEvent,
    FaultPhase,
    HistoryEntry,
    Invoked,
    Outcome,
    Phase,
    PhaseName,
)
from dtx.core.run_folder import HistoryWriter
from dtx.experiment.recent import RecentLatencies
from dtx.workload.generators import Transaction


class Record:
    """Implements `Recorder`; thread-safe."""

    def __init__(self, writer: HistoryWriter) -> None:
        self._writer = writer
        self._lock = threading.Lock()
        self._outcomes: Counter[Outcome] = Counter()
        self._submitted = 0
        self._hurt: dict[int, tuple[Hurt, ...]] = {}
        self._open: dict[str, Invoked] = {}
        self._latencies = RecentLatencies()
        self._unknown: list[Transaction] = []

    def append(self, entry: HistoryEntry) -> None:
        """Write the entry and count it."""
        self._writer.append(entry)
        with self._lock:
            if isinstance(entry, Invoked):
                self._submitted += 1
                self._open[entry.tx] = entry
            elif isinstance(entry, Completed):
                self._complete(entry)
            elif isinstance(entry, FaultEvent):
                if entry.phase is FaultPhase.INJECTED:
                    self._hurt[entry.window] = tuple(
                        Hurt(target=target, fault=entry.fault) for target in entry.targets
                    )
                else:
                    self._hurt.pop(entry.window, None)

    def require_sound(self) -> None:
        """Go on only if everything so far has been written.

        Raises:
            StorageError: an entry could not be written.
        """
        self._writer.require_sound()

    def phase(self, name: PhaseName) -> int:
        """Write that a phase begins; return when, in ns.

        Raises:
            StorageError: this entry, or one before, could not be written.
        """
        now_ns = time.monotonic_ns()
        self.append(Phase(at_ns=now_ns, name=name))
        self.require_sound()
        return now_ns

    @property
    def submitted(self) -> int:
        """Transactions submitted so far."""
        return self._submitted

    def ended(self, outcome: Outcome) -> int:
        """Return how many ended so."""
        return self._outcomes[outcome]

    def hurt(self) -> tuple[Hurt, ...]:
        """Return the links and nodes that open fault windows hurt now."""
        with self._lock:
            return tuple(sorted({hurt for window in self._hurt.values() for hurt in window}))

    def latency(self) -> RecentLatency | None:
        """Return how long those took that ended ok in the last second."""
        with self._lock:
            return self._latencies.figures(time.monotonic_ns())

    def unknown(self) -> tuple[Transaction, ...]:
        """Return the transactions whose clients got no answer."""
        with self._lock:
            return tuple(self._unknown)

    def _complete(self, entry: Completed) -> None:
        self._outcomes[entry.outcome] += 1
        invoked = self._open.pop(entry.tx, None)
        # Only ok: while a node is dead the others are refused at once, which looks like good health.
        if invoked is not None and entry.outcome is Outcome.OK:
            self._latencies.add(entry.at_ns, entry.at_ns - invoked.intended_ns)
        if entry.outcome is Outcome.INFO:
            fields = invoked.value if invoked is not None else {}
            self._unknown.append(Transaction(tx=entry.tx, fields=fields))
