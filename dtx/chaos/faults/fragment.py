"""fragment:SIZE: messages arrive in pieces of at most SIZE bytes, 1 ms apart, in both directions.

Layer: link. Unit: every proxy of the link. It finds readers that take what one read gives them for a message. Bytes in
flight: pass, in order; a message of N bytes takes about N/SIZE ms. The proxy halves what it read until no piece is
longer than SIZE, without chance. Healing: what is kept is delivered at once.

Proof: answers longer than SIZE that came after injection left the proxy in so many TCP segments that none was longer, on
average. Traffic of shorter answers does not land.
"""

from typing import Final

from dtx.chaos.argument import size_bytes
from dtx.chaos.exchanges import in_pieces_of
from dtx.chaos.link_wound import Injury, LinkFault, both_ways
from dtx.core.schedule import Proof

GAP_US: Final = 1000


def _injury(argument: str) -> Injury:
    size = size_bytes(argument, what="fragment", least=1)
    attributes = {"average_size": size, "size_variation": 0, "delay": GAP_US}
    return Injury(
        proof=Proof.PIECES,
        toxics=both_ways("fragment", "slicer", attributes),
        judge=in_pieces_of(size),
    )


FAULT: Final = LinkFault(
    name="fragment",
    proof=Proof.PIECES,
    summary="messages arrive in small pieces, in both directions",
    argument="the longest piece in bytes, 16 if left out",
    default="16",
    injury=_injury,
)
