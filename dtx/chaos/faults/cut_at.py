"""cut-at:[request:|reply:]BYTES: each connection is closed after exactly so many bytes of one direction.

Layer: link. Unit: every connection of every proxy of the link. Without a direction it is the replies that are cut. Bytes
are counted from injection on connections that were there, from their first byte on new ones. Bytes in flight: those up
to the cut pass, the rest of the message is thrown away, and the proxy closes the connection to both ends (FIN). Healing:
connections live again; those that were not cut go on.

Proof: the proxy's metrics tell that it threw away bytes of that direction; or, where the cut fell on the end of a message
and nothing was left to throw away, a connection was seen that ended after exactly so many bytes. The second is seen
only on connections that lived for 10 ms or more, and is no proof for a cut after 0 bytes.
"""

from typing import Final

from dtx.chaos.argument import size_bytes
from dtx.chaos.link_wound import Injury, LinkFault
from dtx.chaos.nearest import unknown
from dtx.core.ports import Stream, Toxic
from dtx.core.schedule import Proof

_STREAMS: Final = {"request": Stream.REQUESTS, "reply": Stream.REPLIES}


def _injury(argument: str) -> Injury:
    direction, colon, size = argument.rpartition(":")
    if colon and direction not in _STREAMS:
        raise unknown("direction", direction, _STREAMS)
    stream = _STREAMS[direction or "reply"]
    limit = size_bytes(size, what="cut-at")
    return Injury(
        proof=Proof.CUT,
        toxics=(
            Toxic(name="cut-at", type="limit_data", stream=stream, attributes={"bytes": limit}),
        ),
        has_drops=True,
        cut_after=(stream, limit),
    )


FAULT: Final = LinkFault(
    name="cut-at",
    proof=Proof.CUT,
    summary="each connection is closed after exactly so many bytes of replies, or of requests",
    argument="[request:|reply:]BYTES",
    default=None,
    varied=("request:20", "request:200", "reply:20", "reply:100"),
    injury=_injury,
)
