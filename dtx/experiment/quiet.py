"""Waiting for quiet: nothing pending, no residue, every transaction at its end at its coordinator.

Not "no change for n seconds": a back-off that has reached its cap looks the same.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from dtx.core.errors import DtxError
from dtx.core.history import Outcome, QuietEvent
from dtx.core.observation import OutcomeRow
from dtx.workload.generators import Transaction

LOOK_EVERY_S = 0.15
PATIENCE = 1.5
"""How much longer than the contract's time we wait, to tell what ends late from what never ends."""

STARVED_PATIENCE = 3.0
"""The same on a machine that other programs keep busy, as long as something comes nearer to its end: a slow finish is
one."""

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
        is_starved: whether other programs have kept the machine busy since the wait began.
    """

    open_counts: Callable[[], dict[str, int]]
    effect_count: Callable[[], int]
    in_flight: Callable[[], int]
    ask: Callable[[Sequence[Transaction]], Sequence[OutcomeRow]] | None
    unknown: Callable[[], Sequence[Transaction]]
    is_starved: Callable[[], bool]
    outcomes: dict[str, OutcomeRow] = field(default_factory=dict)

    def wait(self, contract_s: float | None) -> Iterator[tuple[str, ...] | QuietEvent]:
        """Yield what is still open after each look, and at last the event that says how the wait ended."""
        began_ns = time.monotonic_ns()
        limit_s = contract_s or UNCLAIMED_WITHIN_S
        progress = _Progress(since_ns=began_ns)
        quiet_since: tuple[int, int] | None = None
        while True:
            looked_ns = time.monotonic_ns()
            look = self._look()
            progress.saw(look, looked_ns)
            if look.remaining:
                quiet_since = None
            elif quiet_since is None or quiet_since[1] != look.effects:
                quiet_since = (looked_ns, look.effects)
            else:
                yield _event(began_ns, quiet_since[0], look, progress)
                return
            if look.remaining and self._is_enough(began_ns, looked_ns, limit_s, progress):
                yield _event(began_ns, looked_ns, look, progress)
                return
            yield look.remaining
            time.sleep(LOOK_EVERY_S)

    def _is_enough(
        self, began_ns: int, looked_ns: int, limit_s: float, progress: "_Progress"
    ) -> bool:
        """Whether patience is over; on a starved machine only once nothing moved for as long as the contract allows."""
        waited_s = (looked_ns - began_ns) / 1e9
        if waited_s < limit_s * PATIENCE:
            return False
        is_stuck = progress.stood_still_s(looked_ns) > limit_s
        return is_stuck or waited_s >= limit_s * STARVED_PATIENCE or not self.is_starved()

    def _look(self) -> "_Look":
        waiting = self.in_flight()
        remaining = [f"{waiting} clients wait for an answer"] if waiting else []
        try:
            counts = self.open_counts()
            effects = self.effect_count()
        except DtxError as error:
            remaining.append(error.message.splitlines()[0])
            return _Look(remaining=tuple(remaining), far=(_NOT_ASKED, 0))
        remaining += [f"{words}: {count}" for words, count in counts.items()]
        if remaining:
            far = (_OPEN, waiting + sum(counts.values()))
            return _Look(remaining=tuple(remaining), far=far, effects=effects)
        unfinished = self._unfinished()
        return _Look(
            remaining=_unfinished_words(unfinished),
            far=(_UNFINISHED, len(unfinished)),
            effects=effects,
        )

    def ask_the_rest(self) -> None:
        """Ask once more about every transaction whose end nobody told yet."""
        open_ones = [one for one in self.unknown() if not self._is_at_end(one.tx)]
        if open_ones and self.ask:
            self.outcomes |= {row.tx: row for row in self.ask(open_ones)}

    def _unfinished(self) -> list[str]:
        if self.ask is None:
            return []
        self.ask_the_rest()
        return [one.tx for one in self.unknown() if not self._is_at_end(one.tx)]

    def _is_at_end(self, tx: str) -> bool:
        # A coordinator that does not know a transaction will never do anything for it: that is an end too.
        row = self.outcomes.get(tx)
        return row is not None and (row.outcome != Outcome.INFO or row.detail.startswith(NOT_KNOWN))


_NOT_ASKED, _OPEN, _UNFINISHED = 2, 1, 0
"""What a look comes upon: somebody can't be asked, something is open, or the coordinator alone is not at its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What is still open, in words and as how far it is to quiet: a smaller pair is nearer."""

    remaining: tuple[str, ...]
    far: tuple[int, int]
    effects: int = -1


@dataclass(slots=True, kw_only=True)
class _Progress:
    """Since when nothing has come nearer to its end: no fewer are open than ever, and no more effects there.

    A count that goes up and down is none: so it looks when the same is tried again and again.
    """

    since_ns: int
    _nearest: tuple[int, int] = (_NOT_ASKED + 1, 0)
    _most_effects: int = -1

    def saw(self, look: _Look, at_ns: int) -> None:
        """Take what one look shows."""
        if look.far < self._nearest or look.effects > self._most_effects:
            self.since_ns = at_ns
        self._nearest = min(self._nearest, look.far)
        self._most_effects = max(self._most_effects, look.effects)

    def stood_still_s(self, until_ns: int) -> float:
        """Return for how long nothing had come nearer."""
        return (until_ns - self.since_ns) / 1e9


def _unfinished_words(transactions: Sequence[str]) -> tuple[str, ...]:
    if not transactions:
        return ()
    named = ", ".join(transactions[:_SHOWN])
    return (f"{len(transactions)} transactions have not ended at their coordinator: {named}",)


def _event(began_ns: int, until_ns: int, look: _Look, progress: _Progress) -> QuietEvent:
    return QuietEvent(
        at_ns=time.monotonic_ns(),
        is_quiet=not look.remaining,
        waited_s=(until_ns - began_ns) / 1e9,
        remaining=look.remaining,
        unchanged_s=progress.stood_still_s(until_ns) if look.remaining else 0.0,
    )
