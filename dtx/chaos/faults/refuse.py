"""refuse: the destination does not listen, as this source sees it.

Layer: link. Unit: every proxy of the link. Bytes in flight: lost with the connections, which are closed at once (FIN, or
RST if the proxy had unread bytes); new ones are refused. Healing: connections are accepted again; the old ones are gone.

On the same links it does what `partition:hard` does. They differ in what one says with them: a partition is a cut, so its
scope is a node or a group (`partition:hard@payments`: all its links, both directions of every conversation); a refusal
is one source's view of one destination (`refuse@orders->payments`), which others may still reach.

Proof: connections on which bytes had moved within a second before were closed, and at the end none was open. That new
ones are refused needs no traffic to be true, and the kernel counts refusals for no port: connections that nobody used
prove nothing, and a source that opens a connection for each request must have one open at the moment of injection.
"""

from typing import Final

from dtx.chaos.link_wound import Injury, LinkFault
from dtx.core.schedule import Proof

REFUSED: Final = Injury(proof=Proof.REFUSED, is_shut=True)

FAULT: Final = LinkFault(
    name="refuse",
    proof=Proof.REFUSED,
    summary="connections are closed, and new ones are refused",
    injury=lambda _: REFUSED,
)
