"""slow-close:DELAY: the end of a connection comes so much later, in each direction; its bytes do not.

Layer: link. Unit: every proxy of the link. Bytes in flight: pass. The destination learns late that the source has closed,
and the source, which waits for the other end to close, learns that late as well: sockets pile up. Healing: connections
that wait for their end are closed at once.

Sources keep their connections in pools, where none would end in the time of a run. So one idle connection of each link is ended
at its source every 0.3 s, as an operating system does that gives up on one, or a pool that retires it: the source reads the end
of the stream and connects anew. Where none has been idle for so long again, one that waits for an answer is ended for
sending only: the answer still comes, and the next request fails before a byte of it has left.

Proof: the kernel shows connections that the source had closed and that the proxy kept for at least the delay. Where the
destination closes first, the proxy's socket to the source shows nothing until its own end: that proves nothing.
"""

from typing import Final

from dtx.chaos.argument import milliseconds
from dtx.chaos.link_wound import Injury, LinkFault, both_ways
from dtx.core.schedule import Proof


def _injury(argument: str) -> Injury:
    delay_ms = milliseconds(argument, what="slow-close")
    return Injury(
        proof=Proof.LATE_CLOSE,
        toxics=both_ways("slow-close", "slow_close", {"delay": delay_ms}),
        closes_after_ms=delay_ms,
    )


FAULT: Final = LinkFault(
    name="slow-close",
    proof=Proof.LATE_CLOSE,
    summary="the end of a connection comes later by a delay, in each direction",
    argument="a delay, 500ms if left out",
    default="500ms",
    injury=_injury,
)
