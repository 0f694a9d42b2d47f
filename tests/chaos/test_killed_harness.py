"""SIGKILL of dtx at any moment: within seconds nothing of it is left, and the folder can still be judged.

DTX_KILLS says at how many random moments for each runtime; the soak uses ten.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dtx.core.deadline import Deadline, poll_until
from dtx.core.run_folder import RunFolder
from tests.support.leftovers import OwnRuns

KILLS = int(os.environ.get("DTX_KILLS", "3"))
GONE_WITHIN_S = 5.0
LATEST_KILL_S = 7.0
RUNTIMES = [
    pytest.param("local", marks=pytest.mark.local),
    pytest.param("docker", marks=pytest.mark.docker),
]


@pytest.mark.parametrize("number", range(KILLS))
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_killed_harness_leaves_nothing_and_its_folder_can_be_judged(
    runtime: str, number: int, place: Path
) -> None:
    moment_s = random.Random(f"{runtime}-{number}").uniform(0.2, LATEST_KILL_S)
    own = OwnRuns(place)
    harness = subprocess.Popen(
        [
            sys.executable, "-m", "dtx", "run", "saga", "--fault", "kill@payments",
            "--duration", "6", "--runtime", runtime, "--out", str(place / "runs"),
        ],
        cwd=place,
        env=os.environ | {"TMPDIR": str(place / "tmp")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        time.sleep(moment_s)
        assert harness.poll() is None, "killed too late to prove anything"
        own.look()
    finally:
        harness.send_signal(signal.SIGKILL)
        own.look()  # a run that came while we looked
        harness.wait()

    gone = poll_until(lambda: not own.left(), Deadline.after(GONE_WITHIN_S), every_s=0.1)
    assert gone, f"killed after {moment_s:.2f} s: {own.left()}"

    for folder in (place / "runs").glob("2*"):
        done = subprocess.run(
            [sys.executable, "-m", "dtx", "check", str(folder)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        words = done.stdout + done.stderr
        if RunFolder(folder).read_observations():  # killed while it judged: a whole record
            assert done.returncode == 0, words
        else:
            assert done.returncode == 3, words
            assert "the run ended" in done.stdout
        assert "Traceback" not in words
