"""How punctual the open-loop driver is: transactions offered to a trivial server in another process.

    python bench/bench_driver.py --rate 2000 --duration 5

Prints the share of starts that were late by more than 10 ms, and the rate that was reached. Nothing but dtx and the
standard library is measured: the server answers from memory.
"""

import argparse
import asyncio
import json
import multiprocessing
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

from dtx.config.model import (
    ChoiceField,
    Client,
    IntField,
    Reference,
    Request,
    Template,
)
from dtx.core.deadline import Deadline
from dtx.core.history import Completed, Invoked
from dtx.core.run_folder import RunFolder
from dtx.workload.driver import Driver

ANSWER = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"
LATE_MS = 10


class Answering(asyncio.Protocol):
    """Answers each complete request with 201."""

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            if len(self._buffer) < end + 4 + length:
                return
            self._buffer = self._buffer[end + 4 + length :]
            self._transport.write(ANSWER)


def serve(port: Connection) -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def client() -> Client:
    url = Template(parts=(Reference(kind="workers", name="orders", field="url"), "/orders"))
    fields = ("tx", "customer", "sku", "quantity", "price")
    body = {f: Template(parts=(Reference(kind="", name="", field=f),)) for f in fields}
    return Client(
        request=Request(method="POST", url=url, json=body),
        timeout_s=3.0,
        ok=(201,),
        fail=(409,),
        accepted=(202,),
        outcome=None,
        participants={},
        fields={
            "customer": ChoiceField(values=("ada", "bob", "eve")),
            "sku": ChoiceField(values=("apple", "pear")),
            "quantity": IntField(low=1, high=3),
            "price": IntField(low=1, high=100),
        },
    )


def measure(address: str, rate: float, duration_s: float) -> Mapping[str, float]:
    with TemporaryDirectory() as folder:
        run_folder = RunFolder.create(Path(folder) / "run")
        history = run_folder.history()
        cpu_s = time.process_time()
        with Driver(client(), lambda _: address, history, seed=7) as driver:
            driver.warm_up(20, Deadline.after(5))
            start_ns = time.monotonic_ns() + 100_000_000
            driver.run(rate=rate, duration_s=duration_s, start_ns=start_ns)
            driver.finish(Deadline.after(5))
        cpu_s = time.process_time() - cpu_s
        history.close()
        entries = run_folder.read_history()
    started = [e for e in entries if isinstance(e, Invoked) and e.intended_ns >= start_ns]
    ended = {e.tx: e for e in entries if isinstance(e, Completed)}
    late_ms = sorted((e.at_ns - e.intended_ns) / 1e6 for e in started)
    latency_ms = sorted((ended[e.tx].at_ns - e.intended_ns) / 1e6 for e in started)
    return {
        "offered": len(started),
        "ok": sum(ended[e.tx].status == 201 for e in started),
        "late_share": sum(ms > LATE_MS for ms in late_ms) / len(late_ms),
        "late_p50_ms": late_ms[len(late_ms) // 2],
        "late_p99_ms": late_ms[int(len(late_ms) * 0.99)],
        "latency_p50_ms": latency_ms[len(latency_ms) // 2],
        "latency_p99_ms": latency_ms[int(len(latency_ms) * 0.99)],
        "cpu_share": cpu_s / duration_s,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rate", type=float, default=2000)
    parser.add_argument("--duration", type=float, default=5)
    arguments = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    try:
        found = measure(f"http://127.0.0.1:{ours.recv()}", arguments.rate, arguments.duration)
    finally:
        server.terminate()
        server.join()
    print(json.dumps(dict(found), indent=2))


if __name__ == "__main__":
    main()
