"""lose-reply: the destination does the work and answers, and the source never learns.

Layer: link. Unit: every proxy of the link. Bytes in flight: requests pass, replies are thrown away. Healing: the
proxy closes the connections that the fault was on, so the source sees a broken conversation at the latest then.
Proof: no reply came out, and the proxy's metrics tell how many bytes of replies it threw away.

Without a scope the seed draws a link to a worker. On a link to a database only the statements under way at injection
lose their reply: a new connection does not get past its handshake, whose first reply is lost too.
"""

from typing import Final

from dtx.chaos.link_wound import Injury, LinkFault
from dtx.core.ports import Stream, Toxic
from dtx.core.schedule import Proof

# timeout 0 takes bytes in, passes none on, and leaves the connection open until the toxic is removed.
_LOST: Final = Injury(
    proof=Proof.LOST_REPLY,
    toxics=(
        Toxic(name="lose-reply", type="timeout", stream=Stream.REPLIES, attributes={"timeout": 0}),
    ),
    has_drops=True,
)

FAULT: Final = LinkFault(
    name="lose-reply",
    proof=Proof.LOST_REPLY,
    summary="requests arrive and are carried out, their replies are lost",
    injury=lambda _: _LOST,
    prefers_workers=True,
)
