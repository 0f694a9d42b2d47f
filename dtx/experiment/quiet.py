"""Waiting for quiet: nothing pending, no residue, every transaction at its end at its coordinator.

Not "no change for n seconds": a back-off that has reached its cap looks the same.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from dtx.core.deadline import Deadline
from dtx.core.errors import DtxError
from dtx.core.history import Outcome, QuietEvent
from dtx.core.observation import OutcomeRow
from dtx.workload.generators import Transaction

LOOK_EVERY_S = 0.15
PATIENCE = 1.5
"""How much longer than the contract's time we wait, to tell what ends late from what never ends."""

UNCLAIMED_WITHIN_S = 10.0
"""How long a system that claims no time is waited for."""

NOT_KNOWN = "HTTP 404"
"""How the detail of an outcome begins when the coordinator never heard of the transaction."""

_SHOWN = 3


@dataclass(slots=True)
class QuietWatch:
    """Asks again and again what is still open.

    Attributes:
        open_counts: what participants still have open, in words -> how many; raises DtxError when one can't
            be asked.
        effect_count: how many effect rows there are; two looks in a row must agree.
        in_flight: how many clients still wait.
        ask: asks the coordinator about transactions; None if the system has no way to.
        unknown: which transactions have no known end for their client.
    """

    open_counts: Callable[[], dict[str, int]]
    effect_count: Callable[[], int]
    in_flight: Callable[[], int]
    ask: Callable[[Sequence[Transaction]], Sequence[OutcomeRow]] | None
    unknown: Callable[[], Sequence[Transaction]]
    outcomes: dict[str, OutcomeRow] = field(default_factory=dict)

    def wait(self, contract_s: float | None) -> Iterator[tuple[str, ...] | QuietEvent]:
        """Yield what is still open after each look, and at last the event that says how the wait ended."""
        began_ns = time.monotonic_ns()
        deadline = Deadline.after((contract_s or UNCLAIMED_WITHIN_S) * PATIENCE)
        quiet_since: tuple[int, int] | None = None
        while True:
            looked_ns = time.monotonic_ns()
            remaining, effects = self._look()
            if remaining:
                quiet_since = None
            elif quiet_since is None or quiet_since[1] != effects:
                quiet_since = (looked_ns, effects)
            else:
                yield self._event(began_ns, quiet_since[0], remaining)
                return
            if remaining and deadline.is_over:
                yield self._event(began_ns, looked_ns, remaining)
                return
            yield remaining
            time.sleep(LOOK_EVERY_S)

    def _look(self) -> tuple[tuple[str, ...], int]:
        remaining: list[str] = []
        effects = -1
        waiting = self.in_flight()
        if waiting:
            remaining.append(f"{waiting} clients wait for an answer")
        try:
            remaining += [f"{words}: {count}" for words, count in self.open_counts().items()]
            effects = self.effect_count()
        except DtxError as error:
            remaining.append(error.message.splitlines()[0])
        if not remaining:
            remaining += self._unfinished()
        return tuple(remaining), effects

    def ask_the_rest(self) -> None:
        """Ask once more about every transaction whose end nobody told yet."""
        open_ones = [one for one in self.unknown() if not self._is_at_end(one.tx)]
        if open_ones and self.ask:
            self.outcomes |= {row.tx: row for row in self.ask(open_ones)}

    def _unfinished(self) -> list[str]:
        if self.ask is None:
            return []
        self.ask_the_rest()
        open_ones = [one.tx for one in self.unknown() if not self._is_at_end(one.tx)]
        if not open_ones:
            return []
        named = ", ".join(open_ones[:_SHOWN])
        return [f"{len(open_ones)} transactions have not ended at their coordinator: {named}"]

    def _is_at_end(self, tx: str) -> bool:
        # A coordinator that does not know a transaction will never do anything for it: that is an end too.
        row = self.outcomes.get(tx)
        return row is not None and (row.outcome != Outcome.INFO or row.detail.startswith(NOT_KNOWN))

    @staticmethod
    def _event(began_ns: int, until_ns: int, remaining: tuple[str, ...]) -> QuietEvent:
        return QuietEvent(
            at_ns=time.monotonic_ns(),
            is_quiet=not remaining,
            waited_s=(until_ns - began_ns) / 1e9,
            remaining=remaining,
        )
