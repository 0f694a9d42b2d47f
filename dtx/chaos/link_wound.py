"""Faults on links: what they have in common is how they are put in, sampled, and proved."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dtx.chaos.exchanges import Exchanges, Judge, in_use, never, waiting
from dtx.chaos.fault import Candidates, Draw, Evidence, Ports, Wound
from dtx.chaos.scope import ARROW, inner_links, links_in
from dtx.chaos.timer import Timer, poll
from dtx.config.model import System
from dtx.core.errors import DtxError, UnfitError
from dtx.core.history import LinkEvidence
from dtx.core.ports import DroppedBytes, LinkTraffic, Stream, Toxic
from dtx.core.schedule import Layer, Proof, Step, Window

AIM_WITHIN_S = 0.2
SETTLE_S = 0.05
"""Bytes that were already past the toxic count as delivered only when the source's kernel has acknowledged them,
which it may put off for 40 ms (TCP_DELACK_MIN, linux/include/net/tcp.h). They must not look like a reply that came
through the fault, so counting replies begins this long after the last toxic was put in."""
DROPS_WITHIN_S = 1.0
"""The proxy counts a connection's bytes when it ends; removing `timeout` ends it, which takes some ms."""
COUNT_EVERY_S = 0.05
FOLLOW_EVERY_S = 0.01
JUST_BEFORE_MS = 100
"""What was asked so shortly before, and is not answered, waits because of the fault."""
RETIRE_EVERY_S = 0.3
IN_USE_MS = 1000
"""A connection that carried nothing for so long is idle: to close it hurts nobody."""
_NOTHING = LinkTraffic(connections=0, request_bytes=0, reply_bytes=0)
_NO_DROPS = DroppedBytes(requests=0, replies=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Injury:
    """What is done to each link, and how it is seen.

    Attributes:
        proof: what must be seen.
        toxics: put on every proxy of each link.
        is_shut: the proxies refuse connections, and close those that are there.
        is_recycled: connections that are there are closed, so that all that the fault meets are new.
        has_drops: the proxy throws bytes away, so that its metrics must be read after healing.
        judge: what an answer must show; None where answers are not followed.
        closes_after_ms: how long a proxy must keep a connection that the source has closed; where none is closed by
            itself, since sources keep them in pools, idle ones are retired one after another.
        cut_after: which direction is cut after how many bytes.
        draw: for a fault that changes while it is on: makes the steps of a window, one of them at its begin.
        changed: the value of a step -> what is then done, with toxics of the same names.
    """

    proof: Proof
    toxics: tuple[Toxic, ...] = ()
    is_shut: bool = False
    is_recycled: bool = False
    has_drops: bool = False
    judge: Judge | None = None
    closes_after_ms: int | None = None
    cut_after: tuple[Stream, int] | None = None
    draw: Draw | None = None
    changed: Callable[[int], "Injury"] | None = None

    @property
    def is_followed(self) -> bool:
        """Whether connections are looked at one by one."""
        return bool(self.judge or self.closes_after_ms or self.cut_after)


def both_ways(name: str, kind: str, attributes: Mapping[str, int]) -> tuple[Toxic, ...]:
    """Return a toxic for each stream: a toxic works on one only."""
    return tuple(
        Toxic(name=f"{name}-{stream.value}", type=kind, stream=stream, attributes=attributes)
        for stream in (Stream.REQUESTS, Stream.REPLIES)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFault:
    """A fault on the proxies of links.

    Attributes:
        injury: argument, empty if there is none -> what is done; raises UsageError for an argument that is none.
        default: what a left-out argument means, empty for none at all; None if it must be given.
        varied: the arguments that a random schedule takes; empty for none.
    """

    name: str
    proof: Proof
    summary: str
    injury: Callable[[str], Injury]
    prefers_workers: bool = False
    argument: str = ""
    default: str | None = ""
    varied: tuple[str, ...] = ("",)
    layer: Layer = Layer.LINK

    def variations(self, system: System) -> Sequence[str]:
        """Return the arguments for a random schedule."""
        del system
        return self.varied

    def candidates(self, system: System, *, scope: str | None, argument: str | None) -> Candidates:
        """Return all links of the scope at once; without one, a link with traffic, the client's apart.

        Raises:
            UsageError: there is no such link, or the argument is none.
        """
        injury = self.injury(argument or "")
        if scope is not None:
            return Candidates(targets=links_in(system, scope), proof=injury.proof, draw=injury.draw)
        links = inner_links(system)
        if self.prefers_workers:
            links = tuple(x for x in links if x.partition(ARROW)[2] in system.workers) or links
        if not links:
            raise UnfitError(
                f"{self.name} needs a link between two nodes, and {system.name} has none",
                hint=f"hurt the client's link: {self.name}@client->*",
            )
        return Candidates(
            targets=links, take=1, needs_traffic=True, proof=injury.proof, draw=injury.draw
        )

    def wound(self, window: Window, targets: tuple[str, ...], ports: Ports, timer: Timer) -> Wound:
        """Return the wound of one window."""
        length_s = window.until_s - window.at_s
        return LinkWound(
            self.injury(window.arg or ""),
            targets,
            ports,
            timer,
            settle_s=min(SETTLE_S, length_s / 4),
            steps=window.steps,
        )


class LinkWound:
    """An injury of some links, and what was counted there meanwhile."""

    def __init__(
        self,
        injury: Injury,
        targets: tuple[str, ...],
        ports: Ports,
        timer: Timer,
        *,
        settle_s: float,
        steps: tuple[Step, ...] = (),
    ) -> None:
        self.watch_every_s = FOLLOW_EVERY_S if injury.is_followed else COUNT_EVERY_S
        self._injury = injury
        self._targets = targets
        self._ports = ports
        self._timer = timer
        self._settle_s = settle_s
        self._steps = list(steps)
        self._began_ns = self._counted_ns = 0
        self._retire_at_ns: dict[str, int] = {}
        self._sent_before: Mapping[str, LinkTraffic] = {}
        self._baseline: Mapping[str, LinkTraffic] = {}
        self._latest: Mapping[str, LinkTraffic] = {}
        self._waiting: Mapping[str, int] = {}
        self._dropped_before: Mapping[str, DroppedBytes] = {}
        self._dropped_after: Mapping[str, DroppedBytes] = {}
        self._connections: Mapping[str, int] = {}
        self._in_use: dict[str, set[str]] = {}
        self._still_there: dict[str, set[str]] = {}
        self._exchanges = {
            name: Exchanges(closes_after_ms=injury.closes_after_ms, cut_after=injury.cut_after)
            for name in targets
        }

    def aim(self) -> None:
        """Wait, bounded, until a transaction is under way, and has a connection if one is to be closed."""

        def is_busy() -> bool:
            if self._ports.in_flight.count() < 1:
                return False
            if not self._injury.is_shut:
                return True
            traffic = self._ports.links.traffic()
            return any(traffic[name].connections for name in self._targets)

        poll(is_busy, self._timer, within_s=AIM_WITHIN_S)

    def inject(self) -> None:
        """Hurt every link, then take the baselines: of requests at once, of replies once settled."""
        links = self._ports.links
        self._dropped_before = links.dropped()
        self._connections = {name: t.connections for name, t in links.traffic().items()}
        if self._injury.is_shut or self._injury.is_recycled:
            seen = links.connections()
            self._in_use = {
                name: in_use(seen.get(name, ()), within_ms=IN_USE_MS) for name in self._targets
            }
        self._began_ns = self._timer.now_ns()
        injury = self._next_step() or self._injury
        for target in self._targets:
            self._hurt(target, injury)
        self._sent_before = links.traffic()
        self._follow_from_here(injury)
        self._timer.pause(self._settle_s)
        self._baseline = self._latest = links.traffic()
        self._counted_ns = self._timer.now_ns()
        self._waiting = self._waiting_now()
        self._look()
        self._retire()

    def watch(self) -> bool:
        """Sample the counters, those of a connection that ends between two samples are lost; make the next step."""
        self._look()
        injury = self._next_step()
        if injury is not None:
            for target in self._targets:
                self._ports.links.change(target, injury.toxics)
            self._follow_from_here(injury)
        self._retire()
        return False

    def heal(self) -> None:
        """Take a last sample, heal every link, and read what was thrown away.

        Raises:
            DtxError: the first link that could not be healed; the others were.
        """
        first_error: DtxError | None = None
        try:
            if self._baseline:
                self._look(is_last=True)
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
        """Return the growth of each link's counters since its baselines, and what its connections showed."""
        return Evidence(links=tuple(self._evidence_of(name) for name in self._targets))

    def _hurt(self, target: str, injury: Injury) -> None:
        links = self._ports.links
        if injury.toxics:
            links.hurt(target, injury.toxics)
        if injury.is_recycled:
            links.recycle(target)
        if injury.is_shut:
            links.shut(target)

    def _retire(self) -> None:
        """End one connection of each link whose turn has come; one in use if none has been idle for as long."""
        if self._injury.closes_after_ms is None:
            return
        every_ns = int(RETIRE_EVERY_S * 1e9)
        for target in self._targets:
            now_ns = self._timer.now_ns()
            due_ns = self._retire_at_ns.setdefault(target, now_ns)
            is_overdue = now_ns - due_ns >= every_ns
            if due_ns <= now_ns and self._ports.links.retire(target, is_overdue=is_overdue):
                self._retire_at_ns[target] = now_ns + every_ns

    def _next_step(self) -> Injury | None:
        """Return what the latest step that is due makes of the injury; None if there is none."""
        due: Step | None = None
        while self._steps and self._began_ns + self._steps[0].at_s * 1e9 <= self._timer.now_ns():
            due = self._steps.pop(0)
        if due is None or self._injury.changed is None:
            return None
        return self._injury.changed(due.value)

    def _waiting_now(self) -> Mapping[str, int]:
        """Count what was asked since shortly before the injection and is not answered, after the baseline of replies."""
        seen = self._ports.links.connections()
        within_ms = JUST_BEFORE_MS + (self._timer.now_ns() - self._began_ns) // 1_000_000
        return {name: waiting(seen.get(name, ()), within_ms=within_ms) for name in self._targets}

    def _follow_from_here(self, injury: Injury) -> None:
        if not injury.is_followed:
            return
        seen, now_ns = self._ports.links.connections(), self._timer.now_ns()
        for name, exchanges in self._exchanges.items():
            exchanges.begin(now_ns, seen.get(name, ()), injury.judge or never)

    def _look(self, *, is_last: bool = False) -> None:
        links = self._ports.links
        now_ns = self._timer.now_ns()
        if is_last or now_ns - self._counted_ns >= COUNT_EVERY_S * 1e9:
            self._counted_ns = now_ns
            self._latest = links.traffic()
        if not (self._in_use or self._injury.is_followed):
            return
        seen, now_ns = links.connections(), self._timer.now_ns()
        for name in self._targets:
            here = seen.get(name, ())
            self._still_there[name] = {one.id for one in here if one.is_open}
            if self._injury.is_followed:
                self._exchanges[name].see(now_ns, here)

    def _read_drops(self) -> None:
        def is_complete() -> bool:
            self._dropped_after = self._ports.links.dropped()
            return not self._injury.has_drops or any(
                sum(self._drops_of(name)) > 0 for name in self._targets
            )

        poll(is_complete, self._timer, within_s=DROPS_WITHIN_S, every_s=0.05)
        if self._injury.has_drops:
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
        answered, touched = self._exchanges[name].counts()
        closed = self._in_use.get(name, set()) - self._still_there.get(name, set())
        return LinkEvidence(
            link=name,
            connections=self._connections.get(name, 0),
            request_bytes=max(0, after.request_bytes - sent_before.request_bytes),
            reply_bytes=max(0, after.reply_bytes - before.reply_bytes),
            dropped_request_bytes=dropped_requests,
            dropped_reply_bytes=dropped_replies,
            answered=answered,
            touched=touched,
            cut=len(closed) + self._exchanges[name].cut,
            left=after.connections,
            waiting=self._waiting.get(name, 0),
        )
