"""What a run of the harness left on this machine: processes, containers, networks, volumes, folders, ports."""

import contextlib
import os
import subprocess
from pathlib import Path

from dtx.targets import process_tree


def docker_things() -> set[str]:
    """Return the engine's containers and networks of runs, and all of its volumes."""
    found: set[str] = set()
    for kind in (["ps", "-aq"], ["network", "ls", "-q"], ["volume", "ls", "-q"]):
        filters = [] if kind[0] == "volume" else ["--filter", "label=dtx.run"]
        with contextlib.suppress(OSError):
            found |= {f"{kind[0]} {line}" for line in _docker(*kind, *filters).split()}
    return found


def ports_of(place: Path, containers: set[str]) -> set[int]:
    """Return the ports on which this run's processes and containers listen now."""
    inodes = _listening()
    found: set[int] = set()
    for pid in processes_of(place):
        with contextlib.suppress(OSError):
            for file in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    inode = str(file.readlink()).removeprefix("socket:[").removesuffix("]")
                    found |= {inodes[inode]} if inode in inodes else set()
    for container in containers:
        if container.startswith("ps "):
            lines = _docker("port", container.removeprefix("ps ")).split()
            found |= {int(line.rpartition(":")[2]) for line in lines if ":" in line}
    return found


def processes_of(place: Path) -> set[int]:
    """Return the processes of runs whose temporary folder is `place`/tmp, the reaper's too."""
    return process_tree.working_below(place) | process_tree.marked("TMPDIR", str(place / "tmp"))


def left_of_local_run(place: Path) -> list[str]:
    """Return in words what is still there of a run without Docker: what others do in the engine is not its."""
    return [
        *(f"process {pid}: {command_of(pid)}" for pid in processes_of(place)),
        *(f"folder {path}" for path in (place / "tmp").iterdir()),
    ]


def what_is_left(place: Path, before: set[str], ports: set[int]) -> list[str]:
    """Return in words what is still there."""
    left = left_of_local_run(place)
    left += sorted(docker_things() - before)
    left += [f"port {port}" for port in ports & set(_listening().values())]
    return left


def _listening() -> dict[str, int]:
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    cells = [line.split() for line in lines]
    return {c[9]: int(c[1].rpartition(":")[2], 16) for c in cells if c[3] == "0A"}


def command_of(pid: int) -> str:
    """Return its command line; a backend of PostgreSQL writes there what it does."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()[:100]
    return "gone"


def _docker(*words: str) -> str:
    if os.environ.get("DOCKER_HOST", "").startswith("unix:///nonexistent"):
        return ""
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=False).stdout
