"""The reaper: a small process that cleans up after a harness that can't do it itself any more.

It is started before anything else and reads lines from a pipe whose other end only the harness holds:

    run ID          kill every process marked DTX_RUN=ID
    folder PATH     kill every process that works below PATH, then remove the folder
    docker SOCKET   remove containers and networks with the label dtx.run=ID through this engine
    done            the harness has cleaned up by itself: end quietly

When the pipe ends without `done`, for whatever reason (SIGKILL of the harness included), it does all of that
until two passes in a row find nothing: a container or process that was being made when the harness died may
appear after the first. It is a program that runs without dtx (`python -I -S`) and starts in 20 ms.
Parent-death signals are not used: they fire when the starting thread ends.
"""

import importlib.util
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

PASS_PAUSE_S = 0.4
GIVE_UP_AFTER_S = 60.0


def main() -> int:
    """Read the pipe to its end, then sweep unless told that all is done."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    runs: list[str] = []
    folders: list[Path] = []
    sockets: list[str] = []
    for line in sys.stdin:
        word, _, rest = line.rstrip("\n").partition(" ")
        if word == "done":
            return 0
        if word == "run":
            runs.append(rest)
        elif word == "folder":
            folders.append(Path(rest))
        elif word == "docker":
            sockets.append(rest)
    _until_two_clean_passes(lambda: _sweep(runs, folders, sockets))
    return 0


def _until_two_clean_passes(sweep: Callable[[], int]) -> None:
    deadline = time.monotonic() + GIVE_UP_AFTER_S
    clean = 0
    while clean < 2 and time.monotonic() < deadline:
        clean = clean + 1 if sweep() == 0 else 0
        if clean < 2:
            time.sleep(PASS_PAUSE_S)


def _sweep(runs: list[str], folders: list[Path], sockets: list[str]) -> int:
    """Remove what is there now; return how many things that were."""
    found = 0
    trees = _module("process_tree")

    def members() -> set[int]:
        pids: set[int] = set()
        for run in runs:
            pids |= trees.marked("DTX_RUN", run)
        for folder in folders:
            pids |= trees.working_below(folder)
        return pids

    try:
        found += trees.kill_all(members)
    except TimeoutError:
        found += 1
    for socket in sockets:
        for run in runs:
            try:
                found += _module("docker/sweep").sweep(run, socket)
            except OSError:
                continue  # no engine any more, so none of its containers either
    for folder in folders:
        if folder.exists():
            found += 1
            _module("local/shared_memory").remove_segments(folder)
            shutil.rmtree(folder, ignore_errors=True)
    return found


def _module(place: str) -> ModuleType:
    # By file, not by package: importing dtx costs start time, and this folder on sys.path would shadow others.
    file = Path(__file__).parent / f"{place}.py"
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ImportError(place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    os.chdir("/")
    sys.exit(main())
