"""What the proxy of a link adds to a call: a request over a kept connection, straight and through Toxiproxy in turn."""

import http.client
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import figures
from answering import answering
from figures import Figure

from dtx.core.deadline import Deadline, poll_until
from dtx.targets.local.runtime import LocalRuntime
from dtx.targets.proxies.toxiproxy import ToxiproxyClient, ToxiproxyError
from dtx.targets.runtime import Address, RunScope

ROUNDS = 7
CALLS = 400


def call_ms(connection: http.client.HTTPConnection) -> float:
    """Return how long one call took."""
    began = time.perf_counter()
    connection.request("POST", "/orders", body=b'{"tx": "t000001"}')
    connection.getresponse().read()
    return 1000 * (time.perf_counter() - began)


def proxied(client: ToxiproxyClient, port: int) -> int:
    """Return the port of a proxy that leads there."""

    def answers() -> bool:
        try:
            return bool(client.version())
        except ToxiproxyError:
            return False

    if not poll_until(answers, Deadline.after(10)):
        raise RuntimeError("Toxiproxy does not answer")
    loopback = Address("127.0.0.1", 0)
    made = client.populate({"bench": (loopback, Address("127.0.0.1", port))})
    return made["bench"].listen.port


def measure() -> Iterator[Figure]:
    direct: list[float] = []
    through: list[float] = []
    with tempfile.TemporaryDirectory() as folder, answering() as port:
        Path(folder).chmod(0o755)
        scope = RunScope(run_id=uuid.uuid4().hex[:12], folder=Path(folder) / "run")
        runtime = LocalRuntime(scope, ())
        try:
            proxy = proxied(ToxiproxyClient(runtime.launch_toxiproxy().address), port)
            straight = http.client.HTTPConnection("127.0.0.1", port)
            detour = http.client.HTTPConnection("127.0.0.1", proxy)
            for _ in range(ROUNDS):
                pairs = [(call_ms(straight), call_ms(detour)) for _ in range(CALLS)]
                direct.append(statistics.median(one for one, _ in pairs))
                through.append(statistics.median(one for _, one in pairs))
        finally:
            runtime.close()
    yield Figure(
        what="proxied call (median)",
        values=through,
        unit="ms",
        peer="direct call",
        peer_values=direct,
    )
    added = [1000 * (two - one) for one, two in zip(direct, through, strict=True)]
    print(f"   added by the proxy: {statistics.median(added):.0f} us")


if __name__ == "__main__":
    figures.main(measure, __doc__)
