"""reset: conversations are broken off with RST when the destination answers.

Layer: link. Unit: every proxy of the link. Bytes in flight: requests pass and are carried out; the first bytes of the
answer are thrown away and both ends get an RST. Healing: connections live again.

Toxiproxy's `reset_peer` sends RST only on connections that were opened after it was put in; older ones would get a FIN at
their next answer. So connections are recycled: those that were there are closed at injection (FIN, or RST if the proxy
had unread bytes), and those that the sources open instead get the RST. The toxic's own timeout is 0, because removing it
waits that long.

Proof: the proxy's metrics tell how many bytes of answers it threw away with the connections.
"""

from typing import Final

from dtx.chaos.link_wound import Injury, LinkFault
from dtx.core.ports import Stream, Toxic
from dtx.core.schedule import Proof

_RESET: Final = Injury(
    proof=Proof.RESET,
    toxics=(
        Toxic(name="reset", type="reset_peer", stream=Stream.REPLIES, attributes={"timeout": 0}),
    ),
    is_recycled=True,
    has_drops=True,
)

FAULT: Final = LinkFault(
    name="reset",
    proof=Proof.RESET,
    summary="connections are reset (RST) as soon as the destination answers",
    injury=lambda _: _RESET,
)
