"""What counts as left behind; only a process that the test started is ever killed."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dtx.targets import housekeeping, process_tree
from dtx.targets.housekeeping import Leftovers, clean, leftovers
from dtx.targets.provision import HARNESS_FILE
from dtx.targets.runtime import RUN_VARIABLE

DEAD, LIVING, YOUNG, OLD = "dead00000000", "beef00000000", "face00000000", "fade00000000"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of our own, no other place, no engine, no process."""
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(housekeeping, "_reapers_places", set)
    monkeypatch.setattr(housekeeping, "_docker_runs", lambda: (None, []))
    monkeypatch.setattr(housekeeping, "_marked", dict)
    return tmp_path


def make(folder: Path, owner: str | None, *, age_s: float = 0.0) -> Path:
    folder.mkdir()
    if owner is not None:
        (folder / HARNESS_FILE).write_text(owner)
    moment = folder.stat().st_mtime - age_s
    os.utime(folder, (moment, moment))
    return folder


def myself() -> str:
    return f"{os.getpid()} {process_tree.start_time(os.getpid())}\n"


def test_only_folders_of_dead_harnesses_are_left_behind(temporary: Path) -> None:
    dead = make(temporary / f"dtx-{DEAD}", "999999999 1\n")
    reused = make(temporary / "dtx-aaaa00000000", f"{os.getpid()} 1\n")
    old = make(temporary / f"dtx-{OLD}", None, age_s=3600)
    make(temporary / f"dtx-{LIVING}", myself())
    make(temporary / f"dtx-{YOUNG}", None)
    make(temporary / "dtx-somebody-elses", "999999999 1\n", age_s=3600)
    assert set(leftovers().folders) == {dead, reused, old}


def test_nothing_of_a_living_run_is_left_behind(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(temporary / f"dtx-{LIVING}", myself())
    make(temporary / f"dtx-{YOUNG}", None)
    make(temporary / f"dtx-{DEAD}", "999999999 1\n")
    pids = {os.getpid()}
    monkeypatch.setattr(
        housekeeping, "_marked", lambda: dict.fromkeys((LIVING, YOUNG, DEAD, OLD), pids)
    )
    monkeypatch.setattr(housekeeping, "_docker_runs", lambda: ("/socket", [DEAD, LIVING, YOUNG]))
    found = leftovers()
    # OLD has no folder, and its process has a parent: somebody still holds it.
    assert set(found.processes) == {DEAD}
    assert found.docker_runs == (DEAD,)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that carries a run id."""
    run = f"{os.getpid():012x}"
    process = subprocess.Popen(
        [sys.executable, "-c", "input()"],
        stdin=subprocess.PIPE,
        env=os.environ | {RUN_VARIABLE: run},
    )
    yield process
    process.kill()
    process.communicate()


def test_clean_ends_processes_and_removes_folders_and_says_so(
    temporary: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    run = f"{os.getpid():012x}"
    folder = make(temporary / f"dtx-{run}", "999999999 1\n")
    (folder / "data").mkdir()
    lines = clean(
        Leftovers(
            processes={run: (sleeper.pid,)}, folders=(folder,), docker_runs=(), docker_socket=None
        )
    )
    assert sleeper.wait(timeout=10) == -9
    assert not folder.exists()
    assert any(run in line and "ended 1" in line for line in lines)
    assert any(str(folder) in line for line in lines)


def test_clean_of_nothing_does_nothing(temporary: Path) -> None:
    assert clean(leftovers()) == []
    assert leftovers().is_empty
