"""lose-request: the source sends, and nothing arrives.

Layer: link. Unit: every proxy of the link. Bytes in flight: requests are thrown away; replies to requests that had passed
before still come. Healing: the proxy closes the connections that the fault was on, so the source sees a broken
conversation at the latest then. Proof: requests went in, none that came after injection was answered, and the proxy's
metrics tell how many bytes of requests it threw away.
"""

from typing import Final

from dtx.chaos.exchanges import never
from dtx.chaos.link_wound import Injury, LinkFault
from dtx.core.ports import Stream, Toxic
from dtx.core.schedule import Proof

_LOST: Final = Injury(
    proof=Proof.LOST_REQUEST,
    toxics=(
        Toxic(
            name="lose-request", type="timeout", stream=Stream.REQUESTS, attributes={"timeout": 0}
        ),
    ),
    has_drops=True,
    judge=never,
)

FAULT: Final = LinkFault(
    name="lose-request",
    proof=Proof.LOST_REQUEST,
    summary="requests are lost: sent, never arrived, no answer",
    injury=lambda _: _LOST,
)
