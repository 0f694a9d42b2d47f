"""stall, stall-request, stall-reply: silence on open connections, both ways or one way, then everything at once.

Layer: link. Unit: every proxy of the link. Bytes in flight: kept in the buffers of kernel and proxy; of `stall-request`
only requests, and replies to those that had passed still come; of `stall-reply` only replies, so the destination does
the work while the source waits. Healing: all that was kept is delivered at once, in order, on the same connections.
`stall` is the mechanism of `partition` under the name of what the ends of one link observe.

Proof: bytes went in at the source; of `stall` and `stall-reply` none came back until healing; of `stall-request` none of
the requests that came after injection was answered.
"""

from typing import Final

from dtx.chaos.exchanges import never
from dtx.chaos.link_wound import Injury, LinkFault, both_ways
from dtx.core.schedule import Proof

_REQUESTS, _REPLIES = both_ways("stall", "bandwidth", {"rate": 0})
_BOTH = Injury(proof=Proof.SILENCE, toxics=(_REQUESTS, _REPLIES))
_REQUEST = Injury(proof=Proof.UNANSWERED, toxics=(_REQUESTS,), judge=never)
_REPLY = Injury(proof=Proof.SILENCE, toxics=(_REPLIES,))

STALL: Final = LinkFault(
    name="stall",
    proof=Proof.SILENCE,
    summary="silence both ways on a link, then everything at once",
    injury=lambda _: _BOTH,
)
STALL_REQUEST: Final = LinkFault(
    name="stall-request",
    proof=Proof.UNANSWERED,
    summary="requests are kept, and arrive all at once at healing",
    injury=lambda _: _REQUEST,
)
STALL_REPLY: Final = LinkFault(
    name="stall-reply",
    proof=Proof.SILENCE,
    summary="requests are carried out, their replies are kept and come all at once at healing",
    injury=lambda _: _REPLY,
)
