"""slow:DELAY: every byte takes so much longer, in each direction; an answer comes two delays later.

Layer: link. Unit: every proxy of the link. Bytes in flight: kept for the delay, in order. Connecting is not delayed.
Healing: what is kept is delivered at once.

Proof: requests that came after injection were answered, and most answers took at least both delays, by the kernel's
clocks of the connection. It proves that answers were late, not why: a destination that takes so long by itself looks
the same. Answers of protocols that send several requests before an answer can seem earlier than they are.
"""

from typing import Final

from dtx.chaos.argument import milliseconds
from dtx.chaos.exchanges import at_least
from dtx.chaos.link_wound import Injury, LinkFault, both_ways
from dtx.core.schedule import Proof


def delayed(delay_ms: int) -> Injury:
    """Return the injury of a delay in each direction; Toxiproxy's own jitter stays 0."""
    return Injury(
        proof=Proof.LATE,
        toxics=both_ways("latency", "latency", {"latency": delay_ms, "jitter": 0}),
        judge=at_least(2 * delay_ms),
    )


FAULT: Final = LinkFault(
    name="slow",
    proof=Proof.LATE,
    summary="every byte comes later by a delay, in each direction",
    argument="a delay, 200ms if left out",
    default="200ms",
    varied=("50ms", "200ms", "500ms"),
    injury=lambda argument: delayed(milliseconds(argument, what="slow")),
)
