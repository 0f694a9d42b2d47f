"""What dead runs left behind, and its removal; a living run's things are never touched.

A run is alive while the harness that its private folder names runs. Private folders are looked for in this
user's temporary folder, and in that of every living reaper, since a harness may have had another TMPDIR.
Processes of a run without any folder count as dead only once nobody but init is their parent.
"""

import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from dtx.core.errors import DtxError
from dtx.targets import process_tree
from dtx.targets.cache import cache_folder
from dtx.targets.docker import sweep as docker_sweep
from dtx.targets.provision import FOLDER_PREFIX, HARNESS_FILE
from dtx.targets.runtime import RUN_VARIABLE

YOUNG_S = 30.0
"""A private folder without its `harness` file is being made, unless it is older than this."""

_REAPER = b"targets/reaper.py"
_INITS = frozenset({"systemd", "init", "tini", "dumb-init", "docker-init", "containerd-shim"})
"""Those that adopt orphans, besides process 1; names as the kernel cuts them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftovers:
    """What belongs to runs whose harness is dead.

    Attributes:
        processes: run id -> pids.
        folders: private folders.
        docker_runs: ids of runs that have containers or networks in the engine at `docker_socket`.
        docker_socket: None if no engine answers, so that nothing could be looked for there.
    """

    processes: dict[str, tuple[int, ...]]
    folders: tuple[Path, ...]
    docker_runs: tuple[str, ...]
    docker_socket: str | None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to remove."""
        return not (self.processes or self.folders or self.docker_runs)


def leftovers() -> Leftovers:
    """Look; changes nothing."""
    folders = private_folders()
    known = {_run_id(folder) for folder in folders}
    living = {_run_id(folder) for folder in folders if not _is_dead(folder)}
    socket, in_docker = _docker_runs()
    return Leftovers(
        processes={
            run: tuple(sorted(pids))
            for run, pids in _marked().items()
            if run not in living and (run in known or _is_orphaned(pids))
        },
        folders=tuple(folder for folder in folders if _run_id(folder) not in living),
        docker_runs=tuple(run for run in in_docker if run not in living),
        docker_socket=socket,
    )


def clean(found: Leftovers) -> list[str]:
    """Remove what `leftovers` found; return what went, and what would not, one line each."""
    done = [_end(run, pids) for run, pids in found.processes.items()]
    if found.docker_socket is not None:
        done += [_sweep(run, found.docker_socket) for run in found.docker_runs]
    for folder in found.folders:
        shutil.rmtree(folder, ignore_errors=True)
        done.append(f"{'could not remove' if folder.exists() else 'removed'} folder {folder}")
    return done


def clean_cache() -> list[str]:
    """Remove the cache folder's content and the cached images; return what went, one line each."""
    folder = cache_folder()
    entries = list(folder.iterdir())
    for entry in entries:
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
    done = [f"removed {len(entries)} entries of the cache {folder}"] if entries else []
    from dtx.targets.docker import engine as docker_engine  # noqa: PLC0415 (0.2 s)
    from dtx.targets.docker import initialised as docker_initialised  # noqa: PLC0415 (0.2 s)

    try:
        images = docker_initialised.remove_cached_images(docker_engine.connect())
    except DtxError:
        return done
    return [*done, f"removed {images} initialised images"] if images else done


def _end(run: str, pids: tuple[int, ...]) -> str:
    try:
        killed = process_tree.kill_all(lambda: process_tree.marked(RUN_VARIABLE, run))
    except (TimeoutError, PermissionError) as error:
        return f"could not end the processes of run {run}: {error}"
    return f"ended {killed or len(pids)} processes of run {run}"


def _sweep(run: str, socket: str) -> str:
    try:
        # Twice: a network goes only once its containers are gone.
        found = docker_sweep.sweep(run, socket)
        left = docker_sweep.sweep(run, socket)
    except OSError as error:
        return f"could not remove the containers of run {run}: {error}"
    words = f"removed {found} containers and networks of run {run}"
    return f"{words}; {left} would not go" if left else words


def private_folders() -> tuple[Path, ...]:
    """Return the private folders of runs, alive or dead, as far as they can be found."""
    places = {Path(tempfile.gettempdir()), *_reapers_places()}
    found: set[Path] = set()
    for place in places:
        for folder in place.glob(f"{FOLDER_PREFIX}*"):
            # Run ids are 12 hexadecimal digits: other folders of that prefix are none of ours.
            run = _run_id(folder)
            is_run = len(run) == 12 and set(run) <= set("0123456789abcdef")
            if is_run and folder.is_dir() and not folder.is_symlink():
                found.add(folder)
    return tuple(sorted(found))


def _run_id(folder: Path) -> str:
    return folder.name.removeprefix(FOLDER_PREFIX)


def _is_dead(folder: Path) -> bool:
    """Whether the harness that owns the folder is gone; False where that can't be told."""
    try:
        pid, _, started = (folder / HARNESS_FILE).read_text().strip().partition(" ")
        return not pid.isdigit() or process_tree.start_time(int(pid)) != started
    except FileNotFoundError:
        return _age_s(folder) > YOUNG_S
    except OSError:
        return False


def _age_s(folder: Path) -> float:
    try:
        return time.time() - folder.stat().st_mtime
    except OSError:
        return 0.0


def _marked() -> dict[str, set[int]]:
    """Return run id -> the processes that carry it."""
    prefix = f"{RUN_VARIABLE}=".encode()
    found: dict[str, set[int]] = {}
    for pid in process_tree.parents():
        for entry in _words(pid, "environ"):
            if entry.startswith(prefix):
                run = entry.removeprefix(prefix).decode(errors="replace")
                found.setdefault(run, set()).add(pid)
    return found


def _is_orphaned(pids: set[int]) -> bool:
    """Whether whoever started the processes is gone: their first ancestor outside is an init."""
    parent_of = process_tree.parents()
    for pid in pids:
        ancestor = pid
        while ancestor in pids:
            ancestor = parent_of.get(ancestor, 1)
        if ancestor > 1 and _name(ancestor) not in _INITS:
            return False
    return True


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _reapers_places() -> set[Path]:
    """Return the temporary folders of the harnesses whose reapers live."""
    places: set[Path] = set()
    for pid in process_tree.parents():
        if any(word.endswith(_REAPER) for word in _words(pid, "cmdline")):
            for entry in _words(pid, "environ"):
                name, _, value = entry.decode(errors="replace").partition("=")
                if name in {"TMPDIR", "TEMP", "TMP"} and value:
                    places.add(Path(value))
    return {place for place in places if place.is_dir()}


def _words(pid: int, name: str) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes().split(b"\0")
    except OSError:
        return []


def _docker_runs() -> tuple[str | None, list[str]]:
    host = os.environ.get("DOCKER_HOST", "")
    if host and not host.startswith("unix://"):
        return None, []
    socket = host.removeprefix("unix://") or "/var/run/docker.sock"
    try:
        return socket, docker_sweep.runs_left(socket)
    except OSError:
        return None, []
