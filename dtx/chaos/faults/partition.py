"""partition: nothing passes a link in either direction, as when a switch loses a port for a while.

Layer: link. Unit: every proxy of the link. Bytes in flight: kept in the buffers of kernel and proxy. Healing: they
are all delivered, late, as TCP does after a short partition; requests that their senders gave up on are executed
then. Proof: bytes went in at the source and none came back until healing.
"""

from typing import Final

from dtx.chaos.link_wound import LinkFault
from dtx.core.ports import Stream, Toxic
from dtx.core.schedule import Proof

# A toxic works on one stream only, so a full cut takes two.
FAULT: Final = LinkFault(
    name="partition",
    proof=Proof.SILENCE,
    summary="silence both ways; bytes are kept and delivered at healing",
    toxics=tuple(
        Toxic(
            name=f"partition-{stream.value}",
            type="bandwidth",
            stream=stream,
            attributes={"rate": 0},
        )
        for stream in (Stream.REQUESTS, Stream.REPLIES)
    ),
)
