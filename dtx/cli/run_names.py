"""How a run is named on the command line: `latest`, a folder's name below .dtx/runs, or its path."""

import difflib
import errno
import os
from pathlib import Path

from dtx.core.errors import UsageError

LATEST = "latest"
PLAN_FILE = "plan.json"


def run_names(runs: Path) -> list[str]:
    """Return the names of the run folders below `runs`, oldest first (they begin with the time).

    Raises:
        UsageError: `runs` is there and can't be read.
    """
    try:
        return sorted(
            folder.name
            for folder in runs.iterdir()
            if not folder.is_symlink() and _has_plan(folder)
        )
    except OSError as error:
        if error.errno == errno.ENOENT:
            return []
        raise UsageError(
            f"{runs}: {error.strerror}",
            hint="--out DIR names the folder below which run folders are",
        ) from error


def is_run(name: str, runs: Path) -> bool:
    """Whether the word names a run: `latest`, a folder with plan.json, or the name of one below `runs`."""
    return name == LATEST or _has_plan(Path(name)) or _has_plan(runs / name)


def find_run(name: str, runs: Path) -> Path:
    """Return the run folder; a path counts before a name below `runs`, and that of a file in it will do.

    Raises:
        UsageError: there is no such run, with the nearest name.
    """
    if name != LATEST and _has_plan(Path(name)):
        return Path(name)
    if name != LATEST and (folder := _folder_of_file(Path(name))) is not None:
        return folder
    if _has_plan(runs / name):
        # `latest` is a link: the folder's own name is what the user wants to see.
        return runs / (runs / name).readlink() if (runs / name).is_symlink() else runs / name
    _refuse_other_paths(name)
    names = run_names(runs)
    if not names:
        raise UsageError(
            f"there is no run {name!r}: no run folders below {runs}",
            hint="`dtx run SYSTEM` makes one; give a path, or --out DIR",
        )
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    raise UsageError(
        f"there is no run {name!r} below {runs}",
        hint=f"did you mean {near[0]}?" if near else "`dtx list runs` names them",
    )


def _refuse_other_paths(name: str) -> None:
    """Say what a path is that exists and is no run; only of a word that is none a near name is of use."""
    path = Path(name)
    if name == LATEST or not os.path.exists(path):  # noqa: PTH110 (never raises)
        return
    if path.is_dir():
        raise UsageError(
            f"{name} has no {PLAN_FILE}: it is not a run folder",
            hint="`dtx list runs` names the run folders",
        )
    raise UsageError(
        f"{name} is a file, and no run folder has it", hint="give the run folder's path or name"
    )


def _folder_of_file(path: Path) -> Path | None:
    """Return the run folder that a file is in: beside plan.json, or one level below it."""
    if not os.path.isfile(path):  # noqa: PTH113 (never raises)
        return None
    return next((f for f in (path.parent, path.parent.parent) if _has_plan(f)), None)


def _has_plan(folder: Path) -> bool:
    try:
        return (folder / PLAN_FILE).is_file()
    except (OSError, ValueError):  # a name that no file system takes
        return False
