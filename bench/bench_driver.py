"""How punctual the open-loop driver is: transactions offered from one process to a trivial server in another.

A start is late when it comes over 10 ms after it was meant to. Nothing but dtx is measured: the server answers from
memory.
"""

import statistics
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import figures
from answering import answering
from figures import Figure

from dtx.config.model import ChoiceField, Client, IntField, Reference, Request, Template
from dtx.core.deadline import Deadline
from dtx.core.history import Completed, Invoked
from dtx.core.run_folder import RunFolder
from dtx.workload.driver import Driver

RATE = 2000.0
DURATION_S = 4.0
REPETITIONS = 5
LATE_MS = 10
LATE_PERCENT = 1.0


def client() -> Client:
    """Return a client that submits an order."""
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


def offer(address: str) -> Mapping[str, float]:
    """Offer for a while; return what came of it."""
    with TemporaryDirectory() as folder:
        run_folder = RunFolder.create(Path(folder) / "run")
        history = run_folder.history()
        cpu_s = time.process_time()
        with Driver(client(), lambda _: address, history, seed=7) as driver:
            driver.warm_up(20, Deadline.after(5))
            start_ns = time.monotonic_ns() + 100_000_000
            driver.run(rate=RATE, duration_s=DURATION_S, start_ns=start_ns)
            driver.finish(Deadline.after(5))
        cpu_s = time.process_time() - cpu_s
        history.close()
        entries = run_folder.read_history()
    started = [e for e in entries if isinstance(e, Invoked) and e.intended_ns >= start_ns]
    ok = sum(isinstance(e, Completed) and e.status == 201 for e in entries) - 20
    late_ms = sorted((e.at_ns - e.intended_ns) / 1e6 for e in started)
    return {
        "rate": ok / DURATION_S,
        "late_percent": 100 * sum(ms > LATE_MS for ms in late_ms) / len(late_ms),
        "late_p99_ms": late_ms[int(len(late_ms) * 0.99)],
        "cpu_share": cpu_s / DURATION_S,
    }


def measure() -> Iterator[Figure]:
    with answering() as port:
        found = [offer(f"http://127.0.0.1:{port}") for _ in range(REPETITIONS)]
    late = [one["late_percent"] for one in found]
    yield Figure(
        what="driver: late starts",
        values=late,
        unit="%",
        peer=f"of {RATE:.0f} a second",
        peer_values=[LATE_PERCENT],
        goal=f"under {LATE_PERCENT:g} %",
        is_met=statistics.median(late) < LATE_PERCENT,
    )
    rates = [one["rate"] for one in found]
    yield Figure(
        what="driver: answered transactions",
        values=rates,
        unit="/s",
        peer="offered",
        peer_values=[RATE],
        goal="0.99 x",
        is_met=statistics.median(rates) >= 0.99 * RATE,
    )
    cpu = statistics.median(one["cpu_share"] for one in found)
    p99_ms = statistics.median(one["late_p99_ms"] for one in found)
    print(f"   99 of 100 starts at most {p99_ms:.2f} ms late; {100 * cpu:.0f} % of one processor")


if __name__ == "__main__":
    figures.main(measure, __doc__)
