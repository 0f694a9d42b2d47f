"""How long it takes from quiet to the verdict, at 10,000 transactions: read all rows, write them, judge, write.

The databases are real and hold what 10,000 orders of the built-in system leave, put there by SQL; history and logs are
written as a run writes them. From there on everything is what a trial does.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import figures
import msgspec
import psycopg
from figures import Figure

from dtx.config.find import find_system
from dtx.config.loader import load_system
from dtx.config.model import Reference, Selection
from dtx.core.history import (
    Clock,
    Completed,
    FieldValue,
    HistoryEntry,
    Invoked,
    Outcome,
    Phase,
    PhaseName,
    QuietEvent,
)
from dtx.core.run_folder import RunFolder
from dtx.core.verdict import Status
from dtx.experiment.judging import judge_run
from dtx.experiment.planning import plan_experiment
from dtx.experiment.settings import ExperimentSettings
from dtx.targets.environment import Environment
from dtx.targets.provision import RuntimeName, provisioned

SYSTEM = "saga"
TRANSACTIONS = 10_000
REPETITIONS = 5
GOAL_S = 1.0
RATE = 500

TX = "'t' || lpad(n::text, 7, '0')"
ROWS = {
    "orders-db": f"""
        insert into orders (tx, customer, sku, quantity, price, status)
        select {TX}, 'ann', 'apple', 2, 100, 'CONFIRMED' from generate_series(1, %(many)s) n;
        insert into sagas (tx, state, entries)
        select {TX}, 'CONFIRMED', 4 from generate_series(1, %(many)s) n;
        insert into order_effects select {TX}, 'confirm', 'applied', 1 from generate_series(1, %(many)s) n""",
    "payments-db": f"""
        update accounts set balance = balance - 200 * %(many)s, captured = 200 * %(many)s where customer = 'ann';
        insert into payments select {TX}, 'ann', 200, 'CAPTURED' from generate_series(1, %(many)s) n;
        insert into payment_effects select {TX}, 'debit', 'applied', 200 from generate_series(1, %(many)s) n""",
    "inventory-db": f"""
        update stock set available = available - 2 * %(many)s, reserved = 2 * %(many)s where sku = 'apple';
        insert into reservations select {TX}, 'apple', 2, 'RESERVED' from generate_series(1, %(many)s) n;
        insert into inventory_effects select {TX}, 'reserve', 'applied', 2 from generate_series(1, %(many)s) n""",
}
"""Rows of confirmed orders of two apples for a euro each, by ann."""

LINES = {
    "orders": ("order of 2 apple by ann placed", "debit asked", "saga is DEBITED", "saga is CONFIRMED"),
    "payments": ("debit of 200 from ann: DONE",),
    "inventory": ("reserve of 2 apple: DONE",),
}  # fmt: skip


def fill(environment: Environment) -> None:
    """Put the rows of all transactions into the databases."""
    for name, statements in ROWS.items():
        url = environment.url(Reference(kind="databases", name=name, field="url"))
        with psycopg.connect(url, cursor_factory=psycopg.ClientCursor) as connection:
            connection.execute(statements, {"many": TRANSACTIONS})


def entries() -> Iterator[HistoryEntry]:
    """Give the history of a quiet run."""
    now_ns = time.monotonic_ns()
    length_ns = int(TRANSACTIONS / RATE * 1e9)
    began_ns = now_ns - length_ns - 1_000_000_000
    yield Clock(at_ns=began_ns, wall_ns=time.time_ns() - (now_ns - began_ns))
    yield Phase(at_ns=began_ns, name=PhaseName.WARM_UP)
    yield Phase(at_ns=began_ns, name=PhaseName.MAIN)
    value: dict[str, FieldValue] = {"customer": "ann", "sku": "apple", "quantity": 2, "price": 100}
    for number in range(1, TRANSACTIONS + 1):
        at_ns = began_ns + number * length_ns // TRANSACTIONS
        tx, process = f"t{number:07d}", number % 32
        yield Invoked(at_ns=at_ns, tx=tx, process=process, intended_ns=at_ns, value=dict(value))
        yield Completed(
            at_ns=at_ns + 900_000, tx=tx, process=process, outcome=Outcome.OK, status=201
        )
    for name in (PhaseName.DRAIN, PhaseName.RECOVERY):
        yield Phase(at_ns=now_ns, name=name)
    yield QuietEvent(at_ns=now_ns, is_quiet=True, waited_s=0.1)
    yield Phase(at_ns=now_ns, name=PhaseName.OBSERVE)
    yield Clock(at_ns=now_ns, wall_ns=time.time_ns())
    yield Phase(at_ns=now_ns, name=PhaseName.END)


def recorded(folder: RunFolder) -> None:
    """Write history and logs as a run has them when it is quiet."""
    with (folder.path / "history.jsonl").open("wb") as file:
        file.write(msgspec.json.Encoder().encode_lines(list(entries())))
    for worker, lines in LINES.items():
        with (folder.logs / f"{worker}.log").open("w") as file:
            for number in range(1, TRANSACTIONS + 1):
                file.writelines(
                    f"{time.monotonic_ns()} tx=t{number:07d} {line}\n" for line in lines
                )


def from_quiet_to_verdict(environment: Environment, folder: RunFolder) -> tuple[float, float]:
    """Do what a trial does then; return seconds of reading and writing the rows, and of judging."""
    began = time.perf_counter()
    folder.write_observations(environment.observer.observe())
    observed = time.perf_counter()
    verdict = judge_run(folder.path)
    judged = time.perf_counter()
    if verdict.status is not Status.HOLDS:
        raise RuntimeError(f"{verdict.status}: {verdict.violated_checkers}, {verdict.reasons}")
    return observed - began, judged - observed


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as out:
        planned = plan_experiment(
            ExperimentSettings(
                system=SYSTEM,
                selection=Selection(),
                faults=("none",),
                seed=1,
                rate=RATE,
                duration_s=TRANSACTIONS / RATE,
                runtime=RuntimeName.LOCAL,
                out=Path(out),
            )
        )
        folder = RunFolder.create(Path(out) / "run")
        folder.write_plan(planned.plan)
        recorded(folder)
        system = load_system(find_system(SYSTEM), Selection())
        with provisioned(system, RuntimeName.LOCAL) as environment:
            environment.start(is_reset_later=False)
            fill(environment)
            parts = [from_quiet_to_verdict(environment, folder) for _ in range(REPETITIONS)]
    totals = [sum(part) for part in parts]
    yield Figure(
        what=f"quiet to verdict, {TRANSACTIONS} transactions",
        values=totals,
        unit="s",
        peer="limit",
        peer_values=[GOAL_S],
        goal="1 x",
        is_met=sorted(totals)[len(totals) // 2] <= GOAL_S,
    )
    last = parts[-1]
    print(f"   the last one: {last[0]:.2f} s to observe and write, {last[1]:.2f} s to judge")


if __name__ == "__main__":
    figures.main(measure, __doc__)
