"""The links of hurt nodes: whether there is live work on them, and whether a node that is down or stopped speaks on."""

from collections.abc import Mapping

from dtx.chaos.fault import Ports
from dtx.chaos.timer import Timer, poll
from dtx.core.ports import LinkTraffic

AIM_WITHIN_S = 1.0
SILENCE_WITHIN_S = 0.3
SETTLE_S = 0.05
"""What a node had said before it went is acknowledged up to 40 ms later; see dtx.chaos.link_wound."""

Traffic = Mapping[str, LinkTraffic]


class NodeLinks:
    """Looks at the links of a wound's nodes."""

    def __init__(self, nodes: tuple[str, ...], ports: Ports, timer: Timer) -> None:
        self._nodes = nodes
        self._ports = ports
        self._timer = timer
        self._before: dict[str, Traffic] = {}

    def aim(self) -> None:
        """Wait, bounded, until a transaction is under way and each node has an open connection."""
        poll(self._is_busy, self._timer, within_s=AIM_WITHIN_S)

    def before(self, node: str) -> Traffic:
        """Return the node's traffic as `aim` saw it: to look again would give what it saw time to end."""
        return self._before.get(node) or self.traffic_of(node)

    def traffic_of(self, node: str) -> Traffic:
        """Return the traffic of the node's links now."""
        traffic = self._ports.links.traffic()
        return {name: traffic[name] for name in self._ports.nodes.links_of(node)}

    def count_silenced(self, node: str, before: Traffic) -> int:
        """Count the connections that are gone, or that nothing came from the dead node on since it went."""
        connections = count_connections(before)
        self._timer.pause(SETTLE_S)
        at_death = now = self.traffic_of(node)

        def are_all_gone() -> bool:
            nonlocal now
            now = self.traffic_of(node)
            gone = sum(max(0, before[x].connections - now[x].connections) for x in before)
            return gone == connections

        if poll(are_all_gone, self._timer, within_s=SILENCE_WITHIN_S):
            return connections
        silenced = 0
        for name, was in before.items():
            is_silent = spoken(node, name, now) == spoken(node, name, at_death)
            gone = max(0, was.connections - now[name].connections)
            silenced += was.connections if is_silent else gone
        return silenced

    def _is_busy(self) -> bool:
        self._before = {node: self.traffic_of(node) for node in self._nodes}
        if not all(count_connections(links) for links in self._before.values()):
            return False
        return self._ports.in_flight.count() >= 1


def count_connections(traffic: Traffic) -> int:
    """Return how many connections were open."""
    return sum(t.connections for t in traffic.values())


def spoken(node: str, link: str, traffic: Traffic) -> int:
    """Return the bytes that came from the node on one of its links: requests of a source, replies of a destination."""
    return traffic[link].request_bytes if _is_source(node, link) else traffic[link].reply_bytes


def said(node: str, traffic: Traffic) -> int:
    """Return the bytes that came from the node on all of its links."""
    return sum(spoken(node, link, traffic) for link in traffic)


def heard(node: str, traffic: Traffic) -> int:
    """Return the bytes that others sent to the node on the links that end there."""
    return sum(t.request_bytes for link, t in traffic.items() if not _is_source(node, link))


def _is_source(node: str, link: str) -> bool:
    return link.startswith(f"{node}->")
