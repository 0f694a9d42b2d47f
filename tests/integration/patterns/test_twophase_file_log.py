"""Two-phase commit with its decisions in a file, with real processes: each death, a second process, damage, a full disk."""

import resource
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dtx.patterns.twophase.file_entries import read_decisions
from dtx.patterns.twophase.file_log import EXIT_LOG_FAILED

from .saga_system import until
from .twophase_system import EVERYWHERE, Manager, TwoVendors, ends, running_manager

pytestmark = [pytest.mark.local, pytest.mark.mariadb]


@pytest.fixture
def manager(vendors: TwoVendors, tmp_path: Path) -> Iterator[Manager]:
    with running_manager(vendors, tmp_path, "order-file-log") as manager:
        yield manager


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "decisions.log"


def decision(log: Path, tx: str) -> tuple[str, bool] | None:
    """Return what the file says of `tx`, and whether it is forgotten; None if nothing."""
    found = read_decisions(log.read_bytes())[0].decided.get(tx)
    return (found.decision.value, found.is_forgotten) if found else None


def test_orders_end_as_the_file_says(manager: Manager, vendors: TwoVendors, log: Path) -> None:
    assert manager.place("f1")[0] == 201
    assert vendors.effects("f1") == EVERYWHERE
    assert decision(log, "f1") == ("commit", True)
    assert manager.place("f2", customer="zoe")[0] == 409
    assert decision(log, "f2") == ("abort", False)
    manager.worker.stop(signal.SIGKILL)
    manager.restart()
    assert manager.status("f1")[1]["status"] == "CONFIRMED"
    assert manager.status("f2")[1]["status"] == "REJECTED"
    assert manager.place("f1")[0] == 201
    assert any("leads in epoch 2" in line for line in manager.worker.lines)


def test_death_before_the_decision_ends_as_an_abort_and_after_it_as_a_commit(
    manager: Manager, vendors: TwoVendors, log: Path
) -> None:
    manager.crash_at("after-prepare-all", "f3")
    assert set(vendors.prepared("f3")) == EVERYWHERE
    assert decision(log, "f3") is None
    manager.restart()
    ends(vendors, "f3")
    assert not vendors.effects("f3")
    assert decision(log, "f3") == ("abort", False)
    manager.crash_at("after-decision", "f4")
    assert set(vendors.prepared("f4")) == EVERYWHERE
    assert decision(log, "f4") == ("commit", False)
    manager.restart()
    ends(vendors, "f4")
    assert vendors.effects("f4") == EVERYWHERE
    until(lambda: decision(log, "f4") == ("commit", True), 10, "f4 is forgotten")


def start_again(manager: Manager) -> tuple[int, str]:
    """Start the program once more and wait for its end; return its status and what it said."""
    worker = manager.worker
    ended = subprocess.run(
        worker._command, env=worker._env, capture_output=True, text=True, timeout=30, check=False
    )
    return ended.returncode, ended.stderr


def test_second_process_is_kept_out_and_the_first_one_goes_on(manager: Manager) -> None:
    status, said = start_again(manager)
    assert status == 1
    assert "tm does not start: the decision log" in said
    assert "in use by another process" in said
    assert manager.place("f5")[0] == 201


def test_damaged_log_is_refused_and_what_is_in_doubt_waits(
    manager: Manager, vendors: TwoVendors, log: Path
) -> None:
    assert manager.place("f6")[0] == 201
    manager.crash_at("after-decision", "f7")
    whole = log.read_bytes()
    damaged = bytearray(whole)
    damaged[damaged.index(b'"tx":"f7"') + 6] ^= 1
    log.write_bytes(damaged)
    status, said = start_again(manager)
    assert status == 1
    assert f"{log} is damaged at offset" in said
    assert "Traceback" not in said
    assert log.read_bytes() == damaged
    assert set(vendors.prepared("f7")) == EVERYWHERE
    log.write_bytes(whole)
    manager.restart()
    ends(vendors, "f7")
    assert vendors.effects("f7") == EVERYWHERE


def test_log_that_can_t_be_written_ends_the_process_and_the_next_one_goes_on(
    manager: Manager, vendors: TwoVendors, log: Path
) -> None:
    assert manager.place("f8")[0] == 201
    limit = log.stat().st_size + 20
    resource.prlimit(manager.worker.pid, resource.RLIMIT_FSIZE, (limit, limit))
    assert manager.place("f9")[0] == 0
    process = manager.worker._process
    assert process is not None
    assert process.wait(timeout=10) == EXIT_LOG_FAILED
    assert any("can't be written: File too large" in line for line in manager.worker.lines)
    assert set(vendors.prepared("f9")) == EVERYWHERE
    assert log.stat().st_size == limit, "a part of the record is there"
    manager.restart()
    ends(vendors, "f9")
    assert not vendors.effects("f9")
    assert any("cut off while it was written" in line for line in manager.worker.lines)
    assert manager.status("f9")[1]["status"] == "REJECTED"
