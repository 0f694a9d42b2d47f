"""Where a system's folder is: a built-in system by its name, a user's by its path."""

import os
from pathlib import Path

from dtx.config.place import did_you_mean, shown
from dtx.config.toml_file import FILE_NAME
from dtx.core.errors import UsageError

# By path, not by import: nothing imports the patterns.
PATTERNS = Path(__file__).resolve().parent.parent / "patterns"


def builtin_systems(patterns: Path = PATTERNS) -> tuple[str, ...]:
    """Return the names of the built-in systems, sorted."""
    return tuple(sorted(file.parent.name for file in patterns.glob(f"*/{FILE_NAME}")))


def find_system(name_or_path: str, patterns: Path = PATTERNS) -> Path:
    """Return the folder that has the system's file.

    A plain name is a built-in system's, if there is one; anything with a slash, and any other existing
    folder, is a user's.

    Raises:
        UsageError: there is no such system, or the folder has no system.toml.
    """
    names = builtin_systems(patterns)
    if name_or_path in names:
        return patterns / name_or_path
    if _is_path(name_or_path):
        return _user_folder(name_or_path)
    listed = f"built in are: {', '.join(names)}" if names else "none is built in"
    near = did_you_mean(name_or_path, [*names, *_systems_in(Path())])
    raise UsageError(
        f"there is no system {shown(name_or_path)}; {listed}",
        hint=near or f"give a path to a folder with {FILE_NAME}",
    )


def _is_path(text: str) -> bool:
    return "/" in text or os.sep in text or (bool(text) and os.path.isdir(text))  # noqa: PTH112 (never raises)


def _systems_in(folder: Path) -> list[str]:
    """Return the names of the folders in this one that have a system's file."""
    try:
        return sorted(file.parent.name for file in folder.glob(f"*/{FILE_NAME}"))
    except (OSError, ValueError):
        return []


def _user_folder(text: str) -> Path:
    folder = Path(text)
    if folder.name == FILE_NAME and os.path.isfile(text):  # noqa: PTH113 (never raises)
        return folder.parent
    if not os.path.isdir(text):  # noqa: PTH112 (never raises)
        raise UsageError(
            f"there is no folder {shown(text)}",
            hint=did_you_mean(folder.name, _systems_in(folder.parent))
            or f"give a folder with {FILE_NAME}, or one that is built in: `dtx list systems`",
        )
    if not (folder / FILE_NAME).is_file():
        raise UsageError(
            f"the folder {shown(text)} has no {FILE_NAME}",
            hint="docs/how-to/own-system.md begins with one to copy",
        )
    return folder
