"""Where dtx keeps what is dear to make: binaries, initialised clusters. Safe to delete at any time."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dtx.core.errors import ProvisionError

UNPRIVILEGED_ID = 65534
"""User and group `nobody`: PostgreSQL refuses to run as root."""


def cache_folder() -> Path:
    """Return the cache folder, made if absent: DTX_CACHE_DIR, or the platform's place.

    Root's own cache is below a folder that nobody else can enter, so servers that run as another user
    could not execute binaries there: root uses /var/cache/dtx.

    Raises:
        ProvisionError: it can't be made.
    """
    given = os.environ.get("DTX_CACHE_DIR")
    if given:
        folder = Path(given).absolute()
    elif os.geteuid() == 0:
        folder = Path("/var/cache/dtx")
    else:
        home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        folder = Path(home) / "dtx"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            folder.chmod(0o755)
    except OSError as error:
        raise ProvisionError(
            f"can't make the cache folder {folder}: {error.strerror}",
            hint="set DTX_CACHE_DIR to a folder that can be written",
        ) from error
    return folder


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock beside `path`, so that two dtx never make the same thing at once.

    Raises:
        ProvisionError: nothing can be written there.
    """
    file = path.with_name(path.name + ".lock")
    with ExitStack() as stack:
        with _cached(file):
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context(file.open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def made_once(path: Path, make: Callable[[Path], None]) -> Path:
    """Return `path`, made by `make(folder)` in a temporary neighbour and renamed if it was absent.

    A maker that fails or is killed leaves nothing at `path`.

    Raises:
        ProvisionError: nothing can be written there.
    """
    if path.exists():
        return path
    with locked(path), _cached(path):
        if path.exists():
            return path
        partial = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        try:
            partial.chmod(0o755)
            make(partial)
            partial.rename(path)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return path


@contextmanager
def _cached(path: Path) -> Iterator[None]:
    """Say of whatever can't be written that it belongs in the cache."""
    try:
        yield
    except OSError as error:
        raise ProvisionError(
            f"can't make {path}: {error.strerror or error}",
            hint="make room there, or set DTX_CACHE_DIR to a folder that can be written",
        ) from error
