"""partition: nothing passes a link in either direction. With `hard` the ends are told, without they are not.

Layer: link. Unit: every proxy of the link; to cut a node off, every link that begins or ends there (`partition@NODE`).

`partition`, as when a switch loses a port for a while. Bytes in flight: kept in the buffers of kernel and proxy.
Healing: they are all delivered, late, as TCP does after a short partition; requests that their senders gave up on are
executed then. Proof: bytes went in at the source and none came back until healing.

`partition:hard`, as when a firewall rejects. Bytes in flight: lost with the connections, which are closed; new ones are
refused. Healing: new connections are accepted; the old ones are gone. Proof: see `refuse`, which is the same on a link.
"""

from typing import Final

from dtx.chaos.faults.refuse import REFUSED
from dtx.chaos.link_wound import Injury, LinkFault, both_ways
from dtx.chaos.nearest import unknown
from dtx.core.schedule import Proof

HARD: Final = "hard"
SILENT: Final = Injury(proof=Proof.SILENCE, toxics=both_ways("partition", "bandwidth", {"rate": 0}))


def _injury(argument: str) -> Injury:
    if argument not in {"", HARD}:
        raise unknown("kind of partition", argument, [HARD])
    return REFUSED if argument == HARD else SILENT


FAULT: Final = LinkFault(
    name="partition",
    proof=Proof.SILENCE,
    summary="silence both ways, bytes are delivered at healing; hard: connections closed and refused",
    argument="hard, or nothing",
    varied=("", HARD),
    injury=_injury,
)
