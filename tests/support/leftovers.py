"""What a run of the harness left on this machine: processes, containers, networks, volumes, folders, ports."""

import contextlib
import os
import subprocess
from pathlib import Path

from dtx.targets import process_tree
from dtx.targets.provision import FOLDER_PREFIX
from dtx.targets.runtime import RUN_LABEL


class OwnRuns:
    """The runs whose temporary folder is `place`/tmp, and what of theirs was seen: others use the same engine.

    A run is known by its private folder, which goes with it: so `look` while it is there.
    """

    def __init__(self, place: Path) -> None:
        self._place = place
        self._ids: set[str] = set()
        self._volumes: set[str] = set()
        self._ports: set[int] = set()

    def look(self) -> set[str]:
        """Remember the runs that are there now, their volumes and their ports; return the ids of all seen so far."""
        folders = (self._place / "tmp").glob(f"{FOLDER_PREFIX}*")
        self._ids |= {folder.name.removeprefix(FOLDER_PREFIX) for folder in folders}
        self._ports |= _ports_of_processes(processes_of(self._place))
        for container in self._labelled("ps", "-a"):
            # An image's own volumes have no label: they are known by the container that they are made for.
            names = "{{range .Mounts}}{{.Name}} {{end}}"
            self._volumes |= set(_docker("inspect", "--format", names, container).split())
            lines = _docker("port", container).split()
            self._ports |= {int(line.rpartition(":")[2]) for line in lines if ":" in line}
        return self._ids

    def left(self) -> list[str]:
        """Return in words what is still there."""
        return [
            *left_of_local_run(self._place),
            *(f"container {each}" for each in sorted(self._labelled("ps", "-a"))),
            *(f"network {each}" for each in sorted(self._labelled("network", "ls"))),
            *(f"volume {each}" for each in sorted(self._volumes_there())),
            *(f"port {port}" for port in self._ports & set(_listening().values())),
        ]

    def _labelled(self, *kind: str) -> set[str]:
        filters = (f"label={RUN_LABEL}={run}" for run in self._ids)
        return {line for each in filters for line in _docker(*kind, "-q", "--filter", each).split()}

    def _volumes_there(self) -> set[str]:
        return (
            self._volumes & set(_docker("volume", "ls", "-q").split()) if self._volumes else set()
        )


def _ports_of_processes(pids: set[int]) -> set[int]:
    inodes = _listening()
    found: set[int] = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            for file in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    inode = str(file.readlink()).removeprefix("socket:[").removesuffix("]")
                    found |= {inodes[inode]} if inode in inodes else set()
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
    with contextlib.suppress(OSError):
        return subprocess.run(
            ["docker", *words], capture_output=True, text=True, check=False
        ).stdout
    return ""
