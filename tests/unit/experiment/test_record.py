"""What a run counts while it goes on, for whoever looks at it."""

import time
from pathlib import Path

import pytest

from dtx.core.history import Completed, Invoked, Outcome
from dtx.core.run_folder import HistoryWriter
from dtx.experiment.record import Record


def take(record: Record, tx: str, outcome: Outcome, *, ms: int) -> None:
    now_ns = time.monotonic_ns()
    begun_ns = now_ns - ms * 1_000_000
    record.append(Invoked(at_ns=begun_ns, tx=tx, process=1, intended_ns=begun_ns, value={}))
    record.append(Completed(at_ns=now_ns, tx=tx, process=1, outcome=outcome))


def test_latency_now_is_of_what_ended_ok(tmp_path: Path) -> None:
    record = Record(HistoryWriter(tmp_path / "history.jsonl"))
    for number, outcome in enumerate((Outcome.FAIL, Outcome.INFO) * 3):
        take(record, f"t{number}", outcome, ms=1)
    assert record.latency() is None
    take(record, "t9", Outcome.OK, ms=40)
    latency = record.latency()
    assert latency is not None
    assert latency.ended == 1
    assert latency.median_ms == pytest.approx(40)
    assert (record.submitted, record.ended(Outcome.FAIL)) == (7, 3)
