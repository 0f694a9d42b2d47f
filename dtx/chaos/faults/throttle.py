"""throttle:RATE: each direction of each connection passes so many kilobytes (1000 bytes) a second and no more.

Layer: link. Unit: every connection of every proxy of the link. Bytes in flight: kept, in order; a message of N bytes
comes N/RATE later, small ones too. Healing: what is kept is delivered at once.

Proof: requests that came after injection were answered, and most of those answers that had to take 60 ms or more for
their size took half of that (see dtx.chaos.exchanges.slower_than), by the kernel's clocks of the connection. Messages that pass faster than that prove nothing: a rate that is
too high for the traffic does not land. It does not prove that the link was the reason, see `slow`.
"""

from typing import Final

from dtx.chaos.argument import size_bytes
from dtx.chaos.exchanges import slower_than
from dtx.chaos.link_wound import Injury, LinkFault, both_ways
from dtx.core.errors import UsageError
from dtx.core.schedule import Proof


def _injury(argument: str) -> Injury:
    size = size_bytes(argument, what="throttle", least=1000)
    if size % 1000:
        raise UsageError(
            f"throttle: {argument} is not a whole number of kilobytes (1000 bytes) a second",
            hint=f"write throttle:{size // 1000}KB",
        )
    # Toxiproxy's KB/s is bytes a millisecond (toxics/bandwidth.go, 2.12).
    rate = size // 1000
    return Injury(
        proof=Proof.LATE,
        toxics=both_ways("throttle", "bandwidth", {"rate": rate}),
        judge=slower_than(rate),
    )


FAULT: Final = LinkFault(
    name="throttle",
    proof=Proof.LATE,
    summary="so many kilobytes a second pass each connection, in each direction, and no more",
    argument="kilobytes a second, 2KB if left out",
    default="2KB",
    varied=("", "10KB"),
    injury=_injury,
)
