"""Toxiproxy's HTTP API behind one small typed client.

The transport and the error classes are toxiproxy-python's. What that package (0.1.1) lacks is added here:
servers side by side (its host and port are class attributes, so each client gets a class of its own), time-outs,
PATCH, `/populate`, and errors that say what the server answered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import requests
from toxiproxy.api import APIConsumer, validate_response
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

from dtx.core.errors import ProvisionError
from dtx.core.ports import Stream, Toxic
from dtx.targets.runtime import Address

TIMEOUT_S = 2.0
"""Bound on every call: adding or removing a toxic on a link with full buffers hangs for 25 s in the server."""

ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "bandwidth": frozenset({"rate"}),
    "latency": frozenset({"latency", "jitter"}),
    "limit_data": frozenset({"bytes"}),
    "reset_peer": frozenset({"timeout"}),
    "slicer": frozenset({"average_size", "size_variation", "delay"}),
    "slow_close": frozenset({"delay"}),
    "timeout": frozenset({"timeout"}),
}
"""Attributes of each toxic: the server accepts misspelt ones silently, so they are checked before sending."""


class ToxiproxyError(ProvisionError):
    """The server refused a call or did not answer; the message has its words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """One proxy: where it listens, where it leads, whether it accepts, its toxics by name."""

    name: str
    listen: Address
    upstream: Address
    is_enabled: bool
    toxics: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectionBytes:
    """Bytes of finished connections of one proxy and direction."""

    received: int = 0
    sent: int = 0


class ToxiproxyClient:
    """The API of one server; safe to use from several threads."""

    def __init__(self, address: Address) -> None:
        self._api: Any = type("Api", (APIConsumer,), {"host": address.host, "port": address.port})
        self._base = f"http://{address}"

    def version(self) -> str:
        """Return the server's version, and thereby prove that it answers."""
        return str(self._json("get", "/version")["version"])

    def proxies(self) -> dict[str, Proxy]:
        """Return all proxies by name."""
        answer: dict[str, dict[str, Any]] = self._json("get", "/proxies")
        return {name: _proxy(values) for name, values in answer.items()}

    def populate(self, upstreams: Mapping[str, tuple[Address, Address]]) -> dict[str, Proxy]:
        """Make proxies, name -> (listen, upstream), in one call; port 0 is resolved in the answer."""
        wanted = [
            {"name": name, "listen": str(listen), "upstream": str(upstream), "enabled": True}
            for name, (listen, upstream) in upstreams.items()
        ]
        answer = self._json("post", "/populate", json=wanted)
        return {values["name"]: _proxy(values) for values in answer["proxies"]}

    def delete(self, proxy: str) -> None:
        """Delete a proxy and close its connections; its metrics go on counting under the same name."""
        self._call("delete", f"/proxies/{proxy}")

    def enable(self, proxy: str, *, is_enabled: bool) -> None:
        """Accept connections, or close all and refuse new ones."""
        self._call("patch", f"/proxies/{proxy}", json={"enabled": is_enabled})

    def add_toxic(self, proxy: str, toxic: Toxic) -> None:
        """Add a toxic, with toxicity 1: all chance is in the schedule."""
        _check(toxic)
        self._call(
            "post",
            f"/proxies/{proxy}/toxics",
            json={
                "name": toxic.name,
                "type": toxic.type,
                "stream": toxic.stream.value,
                "toxicity": 1.0,
                "attributes": dict(toxic.attributes),
            },
        )

    def change_toxic(self, proxy: str, toxic: Toxic) -> None:
        """Give a toxic, known by its name, other attributes; what it holds of each connection passes at once."""
        _check(toxic)
        self._call(
            "patch",
            f"/proxies/{proxy}/toxics/{toxic.name}",
            json={"toxicity": 1.0, "attributes": dict(toxic.attributes)},
        )

    def remove_toxic(self, proxy: str, toxic: str) -> None:
        """Remove a toxic; a toxic that is not there is no error."""
        try:
            self._call("delete", f"/proxies/{proxy}/toxics/{toxic}")
        except ToxiproxyNotFoundError:
            return

    def finished_bytes(self) -> dict[tuple[str, Stream], DirectionBytes]:
        """Return the proxy metrics: (proxy, direction) -> bytes of connections that have ended.

        A connection counts when its copying ends, and as sent only if that ended without an error.
        """
        found: dict[tuple[str, Stream], dict[str, int]] = {}
        for line in self._call("get", "/metrics").text.splitlines():
            for metric in ("received", "sent"):
                if line.startswith(f"toxiproxy_proxy_{metric}_bytes_total{{"):
                    labels, _, value = line.partition("{")[2].rpartition("} ")
                    key = (_label(labels, "proxy"), Stream(_label(labels, "direction")))
                    sums = found.setdefault(key, {"received": 0, "sent": 0})
                    sums[metric] += int(float(value))
        return {key: DirectionBytes(**sums) for key, sums in found.items()}

    def _json(self, method: str, path: str, **options: Any) -> Any:
        answer = self._call(method, path, **options)
        try:
            return answer.json()
        except requests.JSONDecodeError as error:
            raise ToxiproxyError(
                f"the answer of {self._base} to {path} is not Toxiproxy's: {answer.text.strip()[:80]!r}"
            ) from error

    def _call(self, method: str, path: str, **options: Any) -> requests.Response:
        try:
            if method == "patch":
                answer = validate_response(
                    requests.patch(self._base + path, timeout=TIMEOUT_S, **options)
                )
            else:
                answer = getattr(self._api, method)(path, timeout=TIMEOUT_S, **options)
        except NotFound as error:
            raise ToxiproxyNotFoundError(f"toxiproxy: {path}: not found") from error
        except (ProxyExists, InvalidToxic) as error:
            raise ToxiproxyError(f"toxiproxy refused {path}: {_words(error)}") from error
        except requests.RequestException as error:
            raise ToxiproxyError(
                f"toxiproxy at {self._base} did not answer {path}: {type(error).__name__}"
            ) from error
        response: requests.Response = answer
        if response.status_code >= 400:
            raise ToxiproxyError(
                f"toxiproxy answered {response.status_code} to {path}: {response.text.strip()[:200]}"
            )
        return response


class ToxiproxyNotFoundError(ToxiproxyError):
    """The proxy or toxic does not exist."""


def _check(toxic: Toxic) -> None:
    unknown = set(toxic.attributes) - ATTRIBUTES.get(toxic.type, frozenset())
    if toxic.type not in ATTRIBUTES:
        raise ToxiproxyError(f"there is no toxic {toxic.type}")
    if unknown:
        raise ToxiproxyError(f"toxic {toxic.type} has no attribute {sorted(unknown)}")


def _proxy(values: Mapping[str, Any]) -> Proxy:
    toxics: Sequence[Mapping[str, Any]] = values.get("toxics") or ()
    return Proxy(
        name=values["name"],
        listen=_address(values["listen"]),
        upstream=_address(values["upstream"]),
        is_enabled=bool(values["enabled"]),
        toxics=frozenset(str(t["name"]) for t in toxics),
    )


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return Address(host, int(port))


def _label(labels: str, name: str) -> str:
    return labels.partition(f'{name}="')[2].partition('"')[0]


def _words(error: Exception) -> str:
    content = error.args[0] if error.args else b""
    return content.decode(errors="replace").strip() if isinstance(content, bytes) else str(content)
