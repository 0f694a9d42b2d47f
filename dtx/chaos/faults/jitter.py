"""jitter:MOST[,every=250ms]: every byte comes later by a delay that keeps changing, from 0 to MOST in each direction.

Layer: link. Unit: every proxy of the link. The delays are drawn from the seed and stand in the schedule; Toxiproxy's own
jitter stays 0, for its chance has no seed. They change every 250 ms, or five times MOST if that is longer. Of every two in a
row one is from the lower half and one from the upper: by pure chance all of a short window can be too small to be felt.
Bytes in flight: kept for the delay, in order, as TCP keeps them. At each change the oldest bytes that are kept on a
connection pass at once. Healing: what is kept is delivered at once.

Proof: as of `slow`, for requests that came after a change and were answered before the next, where both delays together
are 30 ms or more.
"""

import random
from collections.abc import Iterator
from typing import Final

from dtx.chaos.argument import milliseconds
from dtx.chaos.faults.slow import delayed
from dtx.chaos.link_wound import Injury, LinkFault
from dtx.chaos.pulse import beats
from dtx.core.schedule import Proof, Step

EVERY_S: Final = 0.25
LEAST_EVERY_S: Final = 0.05
ROOM: Final = 5
"""An answer that was under way at a change takes up to two of the longest delays, and the next one, which counts, two more."""


def _delays(rng: random.Random, most_ms: int) -> Iterator[int]:
    middle_ms = most_ms // 2
    while True:
        pair = [rng.randint(0, middle_ms), rng.randint(most_ms - middle_ms, most_ms)]
        rng.shuffle(pair)
        yield from pair


def _injury(argument: str) -> Injury:
    most_ms = milliseconds(argument, what="jitter")

    def draw(rng: random.Random, length_s: float, every_s: float | None) -> tuple[Step, ...]:
        times = beats(
            length_s, every_s or max(EVERY_S, most_ms * ROOM / 1000), least_s=LEAST_EVERY_S
        )
        delays = _delays(rng, most_ms)
        return tuple(Step(at_s=at_s, value=next(delays)) for at_s in times)

    return Injury(
        proof=Proof.LATE,
        toxics=delayed(most_ms).toxics,
        judge=delayed(most_ms).judge,
        draw=draw,
        changed=delayed,
    )


FAULT: Final = LinkFault(
    name="jitter",
    proof=Proof.LATE,
    summary="every byte comes later by a delay that keeps changing, in each direction",
    argument="the longest delay, 50ms if left out",
    default="50ms",
    varied=("50ms", "200ms"),
    injury=_injury,
)
