"""SIGKILL of dtx at any moment: within seconds nothing of it is left, and the folder can still be judged.

DTX_KILLS says at how many random moments for each runtime; the soak uses ten.
"""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dtx.core.deadline import Deadline, poll_until
from dtx.targets import process_tree

KILLS = int(os.environ.get("DTX_KILLS", "3"))
GONE_WITHIN_S = 5.0
LATEST_KILL_S = 7.0
RUNTIMES = [
    pytest.param("local", marks=pytest.mark.local),
    pytest.param("docker", marks=pytest.mark.docker),
]


@pytest.fixture
def place() -> Iterator[Path]:
    """A temporary folder of its own that servers of another user can enter."""
    folder = Path(tempfile.mkdtemp(prefix="kill-", dir="/tmp"))
    folder.chmod(0o755)
    (folder / "tmp").mkdir(mode=0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def docker_things() -> set[str]:
    found: set[str] = set()
    for kind in (["ps", "-aq"], ["network", "ls", "-q"], ["volume", "ls", "-q"]):
        filters = [] if kind[0] == "volume" else ["--filter", "label=dtx.run"]
        with contextlib.suppress(OSError):
            done = subprocess.run(
                ["docker", *kind, *filters], capture_output=True, text=True, check=False
            )
            found |= {f"{kind[0]} {line}" for line in done.stdout.split()}
    return found


def listening() -> dict[str, int]:
    """Return inode -> port of every listening socket."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    cells = [line.split() for line in lines]
    return {c[9]: int(c[1].rpartition(":")[2], 16) for c in cells if c[3] == "0A"}


def ports_of(place: Path, containers: set[str]) -> set[int]:
    """Return the ports on which this run's processes and containers listen now."""
    inodes = listening()
    found: set[int] = set()
    for pid in processes_of(place):
        with contextlib.suppress(OSError):
            for file in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    inode = os.readlink(file).removeprefix("socket:[").removesuffix("]")
                    found |= {inodes[inode]} if inode in inodes else set()
    for container in containers:
        if container.startswith("ps "):
            done = subprocess.run(
                ["docker", "port", container.removeprefix("ps ")],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            found |= {int(line.rpartition(":")[2]) for line in done.stdout.split() if ":" in line}
    return found


def processes_of(place: Path) -> set[int]:
    return process_tree.working_below(place) | process_tree.marked("TMPDIR", str(place / "tmp"))


def what_is_left(place: Path, before: set[str], ports: set[int]) -> list[str]:
    left = [f"process {pid}: {cmdline(pid)}" for pid in processes_of(place)]
    left += [f"folder {path}" for path in (place / "tmp").iterdir()]
    left += sorted(docker_things() - before)
    left += [f"port {port}" for port in ports & set(listening().values())]
    return left


def cmdline(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()[:100]
    return "gone"


@pytest.mark.parametrize("number", range(KILLS))
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_killed_harness_leaves_nothing_and_its_folder_can_be_judged(
    runtime: str, number: int, place: Path
) -> None:
    moment_s = random.Random(f"{runtime}-{number}").uniform(0.2, LATEST_KILL_S)
    before = docker_things()
    ports: set[int] = set()
    harness = subprocess.Popen(
        [
            sys.executable, "-m", "dtx", "run", "saga", "--fault", "kill@payments",
            "--duration", "4", "--runtime", runtime, "--out", str(place / "runs"),
        ],
        cwd=place,
        env=os.environ | {"TMPDIR": str(place / "tmp")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        time.sleep(moment_s)
        assert harness.poll() is None, "killed too late to prove anything"
        ports = ports_of(place, docker_things() - before)
    finally:
        harness.send_signal(signal.SIGKILL)
        harness.wait()

    gone = poll_until(
        lambda: not what_is_left(place, before, ports), Deadline.after(GONE_WITHIN_S), every_s=0.1
    )
    assert gone, f"killed after {moment_s:.2f} s: {what_is_left(place, before, ports)}"

    for folder in (place / "runs").glob("2*"):
        done = subprocess.run(
            [sys.executable, "-m", "dtx", "check", str(folder)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 3, done.stdout + done.stderr
        assert "the run ended" in done.stdout
        assert "Traceback" not in done.stdout + done.stderr
