"""The links of one environment: a proxy for each, hurt and healed by name, metered by the kernel."""

import contextlib
import time
from collections.abc import Collection, Mapping, Sequence

from dtx.config.model import Link
from dtx.core.deadline import Deadline
from dtx.core.errors import ProvisionError
from dtx.core.ports import DroppedBytes, LinkConnection, LinkTraffic, Stream, Toxic
from dtx.targets.proxies.retire import Sources
from dtx.targets.proxies.toxiproxy import (
    DirectionBytes,
    Proxy,
    ToxiproxyClient,
    ToxiproxyError,
    ToxiproxyNotFoundError,
)
from dtx.targets.proxies.traffic import Meter
from dtx.targets.runtime import Address

HEAL_WITHIN_S = 6.0
_NOTHING = DirectionBytes()


class ProxiedLinks:
    """Implements `core.ports.Links` on one Toxiproxy server."""

    def __init__(
        self,
        client: ToxiproxyClient,
        upstreams: Mapping[str, Address],
        links: Sequence[Link],
        *,
        speakers: Collection[str] = (),
    ) -> None:
        """Make a proxy for each link.

        Args:
            client: the API.
            upstreams: node -> its address.
            links: which links there are.
            speakers: the nodes that speak first on a new connection.
        """
        self._client = client
        self._upstreams = {link.name: upstreams[link.destination] for link in links}
        self._names = tuple(link.name for link in links)
        self._greeted = {link.name for link in links if link.destination in speakers}
        self._proxies: dict[str, Proxy] = {}
        self._sources = Sources()
        self._make(self._names, dict.fromkeys(self._names, Address("127.0.0.1", 0)))
        self._start_counting()

    def names(self) -> Sequence[str]:
        """Return all links in the order of the file."""
        return self._names

    def address(self, link: str) -> Address:
        """Return where the link's source must connect."""
        return self._proxies[link].listen

    def proxy_name(self, link: str) -> str:
        """Return what the link's proxy is called in Toxiproxy's API."""
        return _proxy_name(link)

    def traffic(self) -> Mapping[str, LinkTraffic]:
        """Return the traffic of every link since `renew`, by the kernel's counters."""
        ports = self._meter.sample()
        return {
            name: LinkTraffic(
                connections=(counted := ports[self._proxies[name].listen.port]).connections,
                request_bytes=counted.received,
                reply_bytes=counted.sent,
            )
            for name in self._names
        }

    def connections(self) -> Mapping[str, Sequence[LinkConnection]]:
        """Return the connections of every link that the kernel knows now."""
        names = {self._proxies[name].listen.port: name for name in self._names}
        found: dict[str, list[LinkConnection]] = {name: [] for name in self._names}
        for counted in self._meter.connections():
            name = names[counted.port]
            found[name].append(
                LinkConnection(
                    id="-".join(str(part) for part in counted.key),
                    is_open=counted.is_open,
                    is_left=counted.is_left,
                    request_bytes=counted.received,
                    reply_bytes=counted.passed,
                    reply_segments=counted.sent_segments,
                    request_ms_ago=counted.received_ms_ago,
                    reply_ms_ago=counted.sent_ms_ago,
                    is_greeted=name in self._greeted,
                )
            )
        return found

    def totals(self) -> Mapping[str, LinkTraffic]:
        """Return the traffic with that of connections that came and went between two samples.

        Those are in Toxiproxy's metrics only, as open ones are in the kernel's counters only: the larger total is
        taken. Good for telling who carries traffic; its growth over a moment is not what flowed in it.
        """
        finished = self._client.finished_bytes()

        def ended(link: str, stream: Stream) -> DirectionBytes:
            key = (_proxy_name(link), stream)
            now, before = finished.get(key, _NOTHING), self._baseline.get(key, _NOTHING)
            return DirectionBytes(
                received=now.received - before.received, sent=now.sent - before.sent
            )

        return {
            name: LinkTraffic(
                connections=open_now.connections,
                request_bytes=max(open_now.request_bytes, ended(name, Stream.REQUESTS).received),
                reply_bytes=max(open_now.reply_bytes, ended(name, Stream.REPLIES).sent),
            )
            for name, open_now in self.traffic().items()
        }

    def dropped(self) -> Mapping[str, DroppedBytes]:
        """Return the bytes of finished connections that came in and never went out, since `renew`."""
        now = self._client.finished_bytes()

        def lost(link: str, stream: Stream) -> int:
            key = (_proxy_name(link), stream)
            after, before = now.get(key, _NOTHING), self._baseline.get(key, _NOTHING)
            return (after.received - before.received) - (after.sent - before.sent)

        return {
            name: DroppedBytes(
                requests=max(0, lost(name, Stream.REQUESTS)),
                replies=max(0, lost(name, Stream.REPLIES)),
            )
            for name in self._names
        }

    def hurt(self, link: str, toxics: Sequence[Toxic]) -> None:
        """Put toxics on the link's proxy."""
        for toxic in toxics:
            self._client.add_toxic(_proxy_name(link), toxic)

    def change(self, link: str, toxics: Sequence[Toxic]) -> None:
        """Give toxics of the link's proxy other attributes."""
        for toxic in toxics:
            self._client.change_toxic(_proxy_name(link), toxic)

    def shut(self, link: str) -> None:
        """Disable the link's proxy: the server closes its connections and its listening socket."""
        self._client.enable(_proxy_name(link), is_enabled=False)

    def retire(self, link: str, *, is_overdue: bool) -> bool:
        """Shut the source's socket of one idle connection down; if overdue, for sending that of one in use."""
        return self._sources.retire(self._proxies[link].listen.port, is_overdue=is_overdue)

    def recycle(self, link: str) -> None:
        """Disable the link's proxy and enable it again at once; its toxics stay."""
        self.shut(link)
        self._client.enable(_proxy_name(link), is_enabled=True)

    def heal(self, link: str) -> None:
        """Open the link, remove its toxics and prove that none is left; a proxy that hangs is made again.

        Raises:
            ProvisionError: the proxy still has a toxic, or accepts nothing.
        """
        deadline = Deadline.after(HEAL_WITHIN_S)
        name = _proxy_name(link)
        while True:
            try:
                for toxic in self._client.proxies()[name].toxics:
                    self._client.remove_toxic(name, toxic)
                proxy = self._client.proxies()[name]
                if not proxy.is_enabled:
                    self._client.enable(name, is_enabled=True)
                elif not proxy.toxics:
                    return
            except (ToxiproxyError, KeyError):
                self._make_again(link)
            if deadline.is_over:
                raise ProvisionError(
                    f"link {link} could not be healed within {HEAL_WITHIN_S:.0f} s"
                )
            time.sleep(0.01)

    def renew(self) -> None:
        """Delete every proxy and make it again on the same port: no connection, toxic or count survives."""
        listen = {name: self._proxies[name].listen for name in self._names}
        for name in self._names:
            with contextlib.suppress(ToxiproxyNotFoundError):
                self._client.delete(_proxy_name(name))
        self._make(self._names, listen)
        self._start_counting()

    def unclean(self) -> list[str]:
        """Return what of the links is not as new, in words; empty when clean."""
        problems = []
        proxies = self._client.proxies()
        for name in self._names:
            proxy = proxies.get(_proxy_name(name))
            if proxy is None or not proxy.is_enabled:
                problems.append(f"link {name} has no open proxy")
            elif proxy.toxics:
                problems.append(f"link {name} has toxics {sorted(proxy.toxics)}")
        for name, traffic in self.traffic().items():
            if traffic.connections:
                problems.append(f"link {name} has {traffic.connections} open connections")
        return problems

    def _make(self, names: Sequence[str], listen: Mapping[str, Address]) -> None:
        wanted = {_proxy_name(name): (listen[name], self._upstreams[name]) for name in names}
        made = self._client.populate(wanted)
        self._proxies |= {name: made[_proxy_name(name)] for name in names}

    def _make_again(self, link: str) -> None:
        # facts: a toxic on a link with full buffers blocks its own removal for 25 s; only this cures it.
        with contextlib.suppress(ToxiproxyError):
            self._client.delete(_proxy_name(link))
        self._make([link], {link: self._proxies[link].listen})

    def _start_counting(self) -> None:
        self._meter = Meter(proxy.listen.port for proxy in self._proxies.values())
        self._meter.sample()
        self._baseline = self._client.finished_bytes()


def _proxy_name(link: str) -> str:
    # The name stands in URLs of the API; `>` would have to be escaped everywhere.
    return link.replace("->", "--")
