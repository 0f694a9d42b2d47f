"""Faults on links are toxics: what they have in common is how they are put in, sampled, and proved."""

from collections.abc import Mapping
from dataclasses import dataclass

from dtx.chaos.fault import Candidates, Evidence, Ports, Wound
from dtx.chaos.scope import ARROW, inner_links, links_in
from dtx.chaos.timer import Timer, poll
from dtx.config.model import System
from dtx.core.errors import DtxError, UsageError
from dtx.core.history import LinkEvidence
from dtx.core.ports import DroppedBytes, LinkTraffic, Toxic
from dtx.core.schedule import Layer, Proof, Window

AIM_WITHIN_S = 0.2
SETTLE_S = 0.05
"""Bytes that were already past the toxic count as delivered only when the source's kernel has acknowledged them,
which it may put off for 40 ms (TCP_DELACK_MIN, linux/include/net/tcp.h). They must not look like a reply that came
through the fault, so counting replies begins this long after the last toxic was put in."""
DROPS_WITHIN_S = 1.0
"""The proxy counts a connection's bytes when it ends; removing `timeout` ends it, which takes some ms."""
_NOTHING = LinkTraffic(connections=0, request_bytes=0, reply_bytes=0)
_NO_DROPS = DroppedBytes(requests=0, replies=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFault:
    """A fault that is nothing but toxics on links.

    Attributes:
        toxics: put on every proxy of each link.
        drops: whether the proxy throws bytes away, so that its metrics must be read after healing.
        prefers_workers: whether the seed draws a link to a worker where there is one.
    """

    name: str
    proof: Proof
    summary: str
    toxics: tuple[Toxic, ...]
    drops: bool = False
    prefers_workers: bool = False
    argument: str = ""
    layer: Layer = Layer.LINK

    def candidates(self, system: System, *, scope: str | None, argument: str | None) -> Candidates:
        """Return all links of the scope at once; without one, a link with traffic, the client's apart.

        Raises:
            UsageError: there is no such link.
        """
        del argument
        if scope is not None:
            return Candidates(targets=links_in(system, scope))
        links = inner_links(system)
        if self.prefers_workers:
            links = tuple(x for x in links if x.partition(ARROW)[2] in system.workers) or links
        if not links:
            raise UsageError(
                f"{self.name} needs a link between two nodes, and {system.name} has none",
                hint=f"hurt the client's link: {self.name}@client->*",
            )
        return Candidates(targets=links, take=1, needs_traffic=True)

    def wound(self, window: Window, targets: tuple[str, ...], ports: Ports, timer: Timer) -> Wound:
        """Return the wound of one window."""
        length_s = window.until_s - window.at_s
        return LinkWound(self, targets, ports, timer, settle_s=min(SETTLE_S, length_s / 4))


class LinkWound:
    """Toxics on some links, and what the kernel counted there meanwhile."""

    watch_every_s = 0.05

    def __init__(
        self,
        fault: LinkFault,
        targets: tuple[str, ...],
        ports: Ports,
        timer: Timer,
        *,
        settle_s: float,
    ) -> None:
        self._fault = fault
        self._targets = targets
        self._ports = ports
        self._timer = timer
        self._settle_s = settle_s
        self._sent_before: Mapping[str, LinkTraffic] = {}
        self._baseline: Mapping[str, LinkTraffic] = {}
        self._latest: Mapping[str, LinkTraffic] = {}
        self._dropped_before: Mapping[str, DroppedBytes] = {}
        self._dropped_after: Mapping[str, DroppedBytes] = {}
        self._connections: Mapping[str, int] = {}

    def aim(self) -> None:
        """Wait, bounded, until a transaction is under way."""
        poll(lambda: self._ports.in_flight.count() >= 1, self._timer, within_s=AIM_WITHIN_S)

    def inject(self) -> None:
        """Put the toxics on every link, then take the baselines: of requests at once, of replies once settled."""
        links = self._ports.links
        self._dropped_before = links.dropped()
        self._connections = {name: t.connections for name, t in links.traffic().items()}
        for target in self._targets:
            links.hurt(target, self._fault.toxics)
        self._sent_before = links.traffic()
        self._timer.pause(self._settle_s)
        self._baseline = self._latest = links.traffic()

    def watch(self) -> bool:
        """Sample the counters: those of a connection that ends between two samples are lost."""
        self._latest = self._ports.links.traffic()
        return False

    def heal(self) -> None:
        """Take a last sample, remove the toxics of every link, and read what was thrown away.

        Raises:
            DtxError: the first link that could not be healed; the others were.
        """
        first_error: DtxError | None = None
        try:
            if self._baseline:
                self.watch()
        except DtxError as error:
            first_error = error
        for target in self._targets:
            try:
                self._ports.links.heal(target)
            except DtxError as error:
                first_error = first_error or error
        if first_error is None and self._baseline:
            self._read_drops()
        if first_error is not None:
            raise first_error

    def evidence(self) -> Evidence:
        """Return the growth of each link's counters since its baselines."""
        return Evidence(links=tuple(self._evidence_of(name) for name in self._targets))

    def _read_drops(self) -> None:
        def is_complete() -> bool:
            self._dropped_after = self._ports.links.dropped()
            return not self._fault.drops or any(
                sum(self._drops_of(name)) > 0 for name in self._targets
            )

        poll(is_complete, self._timer, within_s=DROPS_WITHIN_S, every_s=0.05)
        if self._fault.drops:
            # Connections end one after another: the first count above 0 is not yet the last.
            self._timer.pause(0.1)
            self._dropped_after = self._ports.links.dropped()

    def _drops_of(self, name: str) -> tuple[int, int]:
        before = self._dropped_before.get(name, _NO_DROPS)
        after = self._dropped_after.get(name, before)
        return max(0, after.requests - before.requests), max(0, after.replies - before.replies)

    def _evidence_of(self, name: str) -> LinkEvidence:
        before = self._baseline.get(name, _NOTHING)
        after = self._latest.get(name, before)
        sent_before = self._sent_before.get(name, _NOTHING)
        dropped_requests, dropped_replies = self._drops_of(name)
        return LinkEvidence(
            link=name,
            connections=self._connections.get(name, 0),
            request_bytes=max(0, after.request_bytes - sent_before.request_bytes),
            reply_bytes=max(0, after.reply_bytes - before.reply_bytes),
            dropped_request_bytes=dropped_requests,
            dropped_reply_bytes=dropped_replies,
        )
