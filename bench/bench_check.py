"""How fast a run is judged, and how that grows: `python bench/bench_check.py [TRANSACTIONS ...]`.

Each size is a run with three participants, three effect rows for each transaction, four log lines for each,
one fault window, a reader with one read for five transactions, and a few violations, judged from memory. Prints time, peak memory of the judging alone, and the
growth between sizes (1.0 is linear).
"""

import math
import sys
import time
import tracemalloc
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from dtx.core.history import Answer, Outcome, Read
from dtx.core.observation import Effect
from dtx.core.schedule import Proof
from dtx.core.verdict import Verdict
from tests.support.histories import (
    HELD_LINK,
    INVENTORY,
    STEPS,
    SUMS,
    WALL_AT_MAIN_NS,
    RunBuilder,
    make_reader,
    mono,
)

DEFAULT_SIZES = (10_000, 100_000)
LINES_PER_TRANSACTION = 4
VIOLATIONS = 10
TRANSACTIONS_PER_READ = 5
"""50 transactions and 10 reads a second."""


def build(transactions: int) -> RunBuilder:
    """Return a run of so many transactions, a few of them half done."""
    run = RunBuilder()
    for number in range(transactions):
        tx, at_s = f"t{number:07d}", 10 * number / transactions
        if number % 10 == 9:
            run.refuse(tx, at_s)
        else:
            run.commit(tx, at_s, outcome=Outcome.INFO if number % 10 == 8 else Outcome.OK)
        for line in range(LINES_PER_TRANSACTION):
            run.log("orders", at_s, f"{tx} step {line}")
    half_done = {f"t{number:07d}" for number in range(0, transactions, transactions // VIOLATIONS)}
    run.effects = [
        row for row in run.effects if row.participant != INVENTORY or row.tx not in half_done
    ]
    run.fault(Proof.SILENCE, 3.0, 6.0, links=[HELD_LINK])
    listen(run, reads=transactions // TRANSACTIONS_PER_READ)
    return run


def listen(run: RunBuilder, *, reads: int) -> None:
    """Let a reader see, at so many moments, what each participant had applied and not undone by then."""
    run.readers[SUMS] = make_reader(*STEPS, total=0)
    changes: list[dict[str, tuple[set[str], set[str]]]] = [
        {name: (set(), set()) for name in STEPS} for _ in range(reads)
    ]
    for row in run.effects:
        number = int(((row.at_ns or 0) - WALL_AT_MAIN_NS) / 1e10 * reads) + 1
        if number < reads:
            added, removed = changes[number][row.participant]
            (added if row.effect is Effect.APPLIED else removed).add(row.tx)
    for number, change in enumerate(changes):
        at_ns = mono(10 * number / reads)
        answers = tuple(
            Answer(
                participant=name,
                asked_ns=at_ns,
                answered_ns=at_ns,
                value=0,
                added=tuple(sorted(added - removed)),
                removed=tuple(sorted(removed - added)),
            )
            for name, (added, removed) in change.items()
        )
        run.history.append(Read(at_ns=at_ns, reader=SUMS, began_ns=at_ns, answers=answers))


def measure(run: RunBuilder) -> tuple[float, float, Verdict]:
    """Return seconds, peak MB and the verdict; memory in a run of its own, since tracing slows."""
    run.entries()
    began = time.perf_counter()
    verdict = run.judge()
    took_s = time.perf_counter() - began
    tracemalloc.start()
    run.judge()
    peak_mb = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return took_s, peak_mb, verdict


def main() -> None:
    """Measure every size."""
    sizes = [int(text) for text in sys.argv[1:]] or list(DEFAULT_SIZES)
    before: tuple[int, float] | None = None
    print(f"{'transactions':>12} {'seconds':>8} {'peak MB':>8} {'growth':>7}  verdict")
    for size in sizes:
        took_s, peak_mb, verdict = measure(build(size))
        growth = ""
        if before is not None:
            growth = f"{math.log(took_s / before[1]) / math.log(size / before[0]):.2f}"
        print(f"{size:>12} {took_s:>8.2f} {peak_mb:>8.0f} {growth:>7}  {verdict.status.value}")
        before = size, took_s


if __name__ == "__main__":
    main()
