"""How fast a run is judged, and how that grows, from memory: three participants, faults, a few violations.

Each size has three effect rows and four log lines for each transaction, one fault window, ten violations, and a
reader with a read for five transactions. An operation is an entry of the clients' history: a transaction has two.
"""

import math
import statistics
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from sys import path

path.insert(0, str(Path(__file__).parent.parent))

import figures
from figures import Figure

from dtx.core.history import Answer, Outcome, Read
from dtx.core.observation import Effect
from dtx.core.schedule import Proof
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

OPERATIONS = (10_000, 100_000, 1_000_000)
MEMORY_OF = 100_000
"""Tracing memory slows a run down by far: it is done for one size."""

LINES_PER_TRANSACTION = 4
VIOLATIONS = 10
TRANSACTIONS_PER_READ = 5
"""50 transactions and 10 reads a second."""

LIMIT_S = 50e-6
"""For an operation: a second for 10,000 transactions."""


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


def judged_s(run: RunBuilder) -> float:
    """Return the processor time of judging: one thread, and no matter who else works here."""
    run.entries()
    began = time.process_time()
    run.judge()
    return time.process_time() - began


def peak_mb(run: RunBuilder) -> float:
    """Return the memory that judging takes on top of the run itself."""
    tracemalloc.start()
    run.judge()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def growth(sizes: Sequence[int], times_s: Sequence[float]) -> float:
    """Return the exponent of the power law that fits best: the slope of log(time) over log(size)."""
    x, y = [math.log(size) for size in sizes], [math.log(time_s) for time_s in times_s]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    covariance = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return covariance / sum((a - mean_x) ** 2 for a in x)


def measure() -> Iterator[Figure]:
    times_s: list[float] = []
    for operations in OPERATIONS:
        run = build(operations // 2)
        repetitions = 1 if operations == max(OPERATIONS) else 3
        values = [judged_s(run) for _ in range(repetitions)]
        times_s.append(min(values))
        yield Figure(
            what=f"checkers, {operations} operations",
            values=values,
            unit="s",
            peer="50 us each",
            peer_values=[operations * LIMIT_S],
            goal="1 x",
            is_met=statistics.median(values) <= operations * LIMIT_S,
        )
        if operations == MEMORY_OF:
            print(f"   memory of judging {operations} operations: {peak_mb(run):.0f} MB")
    exponent = growth(OPERATIONS, times_s)
    yield Figure(
        what="checkers, growth",
        values=[exponent],
        unit="",
        peer="linear",
        peer_values=[1.0],
    )


if __name__ == "__main__":
    figures.main(measure, __doc__)
