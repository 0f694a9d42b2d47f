"""An environment that is held open to play in: where everything is, and who holds it."""

from typing import Any

import msgspec


class HeldLink(msgspec.Struct, frozen=True, kw_only=True):
    """Where the link's source must connect, `host:port`, and the name of its proxy in Toxiproxy's API."""

    listen: str
    proxy: str


class SampleRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The first transaction of seed 1 as the client would submit it; `json` is None without a body."""

    method: str
    url: str
    json: Any = None


class HeldEnvironment(msgspec.Struct, frozen=True, kw_only=True):
    """A running environment whose holder waits to be told to end it.

    Attributes:
        id: the mark of all its processes and containers.
        pid, started: the holder process, and its start time as the kernel counts it, since pids come again.
        since: when it came up, UTC.
        system, runtime: what is held, and where it runs.
        folder: the run folder or the folder of `dtx up`; its `logs` has what the workers write.
        is_run: whether a run was made in it (`dtx run --keep`).
        databases, workers: node -> URL, straight to it; workers without HTTP are left out.
        links: link -> its proxy, for clients that a fault shall be able to hurt.
        toxiproxy: URL of Toxiproxy's API.
        sample: a request to begin with.
    """

    id: str
    pid: int
    started: str
    since: str
    system: str
    runtime: str
    folder: str
    is_run: bool
    databases: dict[str, str]
    workers: dict[str, str]
    links: dict[str, HeldLink]
    toxiproxy: str
    sample: SampleRequest
