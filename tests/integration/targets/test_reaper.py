"""The reaper cleans up after a harness that was killed, and keeps its hands off one that was not."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from dtx.targets import process_tree
from dtx.targets.reaper_client import Reaper
from dtx.targets.runtime import RUN_VARIABLE

from .local_here import eventually

GONE_WITHIN_S = 3.0

HARNESS = """
import os, signal, subprocess, sys, time
from pathlib import Path
from dtx.targets.reaper_client import Reaper

run_id, folder = sys.argv[1], Path(sys.argv[2])
reaper = Reaper()
reaper.cover_run(run_id)
reaper.cover_folder(folder)
(folder / "db").mkdir(parents=True)
(folder / "db" / "file").write_text("data")
marked = os.environ | {"DTX_RUN": run_id}
subprocess.Popen(["sleep", "60"], env=marked)
subprocess.Popen(["sleep", "60"], env=marked, start_new_session=True)
subprocess.Popen(["sleep", "60"], cwd=folder / "db", start_new_session=True)
# As in a pause: whoever dies meanwhile, nobody resumes it.
stopped = subprocess.Popen(["sleep", "60"], env=marked)
stopped.send_signal(signal.SIGSTOP)
# What was being started when the harness died: it has no mark yet, and gets it after the first pass.
late = f"sleep 0.25; exec env DTX_RUN={run_id} sleep 61"
subprocess.Popen(["sh", "-c", late], start_new_session=True)
print("ready", reaper._process.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def run_id() -> Iterator[str]:
    run_id = f"test-{uuid.uuid4().hex}"
    yield run_id
    process_tree.kill_all(lambda: process_tree.marked(RUN_VARIABLE, run_id))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "run"
    yield folder
    process_tree.kill_all(lambda: process_tree.working_below(folder))


def sleeper(run_id: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(["sleep", "60"], env=os.environ | {RUN_VARIABLE: run_id})


def test_killed_harness_leaves_no_process_and_no_folder(run_id: str, folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HARNESS, run_id, str(folder)], stdout=subprocess.PIPE
    ) as harness:
        assert harness.stdout is not None
        word, reaper = harness.stdout.readline().split()
        assert word == b"ready"
        marked = process_tree.marked(RUN_VARIABLE, run_id)
        assert len(marked) == 3
        assert eventually(lambda: sum(map(process_tree.is_stopped, marked)) == 1)
        assert len(process_tree.working_below(folder)) == 1
        began = time.monotonic()
        harness.kill()

    # Its end is after two clean passes: whatever appears late has been caught by then, or never will be.
    assert eventually(lambda: not process_tree.is_running(int(reaper)), within_s=GONE_WITHIN_S)
    assert time.monotonic() - began > 0.25, "the late process had no time to appear"
    assert process_tree.marked(RUN_VARIABLE, run_id) == set()
    assert process_tree.working_below(folder) == set()
    assert not folder.exists()


def test_process_that_appears_after_a_pass_that_found_nothing_is_caught(run_id: str) -> None:
    late = f"sleep 0.25; exec env {RUN_VARIABLE}={run_id} sleep 60"
    with subprocess.Popen(["sh", "-c", late]) as process:
        reaper = Reaper()
        reaper.cover_run(run_id)
        reaper.sweep()
        try:
            assert process.wait(timeout=0.5) == -signal.SIGKILL
        finally:
            process.kill()


def test_dismissed_reaper_leaves_everything_alone_and_ends_at_once(
    run_id: str, folder: Path
) -> None:
    folder.mkdir()
    with sleeper(run_id) as worker:
        reaper = Reaper()
        reaper.cover_run(run_id)
        reaper.cover_folder(folder)
        began = time.monotonic()
        reaper.dismiss()
        assert time.monotonic() - began < 1.5
        assert reaper._process.returncode == 0
        assert worker.poll() is None
        assert folder.exists()
        worker.kill()


def test_sweep_waits_until_all_is_gone(run_id: str, folder: Path) -> None:
    folder.mkdir()
    with sleeper(run_id) as worker:
        reaper = Reaper()
        reaper.cover_run(run_id)
        reaper.cover_folder(folder)
        reaper.sweep()
        assert worker.wait(timeout=1) == -signal.SIGKILL
    assert not folder.exists()
    assert reaper._process.returncode == 0


def test_folder_that_was_never_made_is_fine(folder: Path) -> None:
    reaper = Reaper()
    reaper.cover_folder(folder)
    reaper.sweep()
    assert reaper._process.returncode == 0


def test_other_runs_are_left_alone(run_id: str) -> None:
    with sleeper(run_id) as worker:
        reaper = Reaper()
        reaper.cover_run(run_id + "0")
        reaper.sweep()
        assert worker.poll() is None
        worker.kill()


def test_signals_do_not_end_it(folder: Path) -> None:
    folder.mkdir()
    reaper = Reaper()
    reaper.cover_folder(folder)
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        assert eventually(lambda: is_ignoring(reaper._process.pid, number))  # noqa: B023 (called here)
        reaper._process.send_signal(number)
    assert reaper._process.poll() is None
    reaper.sweep()
    assert not folder.exists()


def is_ignoring(pid: int, number: signal.Signals) -> bool:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("SigIgn:"):
            return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False
