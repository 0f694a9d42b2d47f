"""The library that notes what a worker syncs: compiled once with this machine's C compiler, preloaded into workers."""

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
from pathlib import Path

from dtx.core.errors import ProvisionError
from dtx.targets.cache import cache_folder, made_once

SOURCE = Path(__file__).with_name("syncs.c")
LIBRARY = "syncs.so"
LOG_VARIABLE = "DTX_SYNC_LOG"
BUILD_WITHIN_S = 60
REMEDY = "apt-get install gcc libc6-dev (or another C compiler, named by CC)"


def compiler() -> tuple[str, ...] | None:
    """Return the command of a C compiler: CC, or what is on PATH."""
    given = shlex.split(os.environ.get("CC", ""))
    if given:
        return tuple(given) if shutil.which(given[0]) else None
    return next(((name,) for name in ("cc", "gcc", "clang") if shutil.which(name)), None)


def cached_library(cache: Path) -> Path:
    """Return where the library is or will be: another source makes another one."""
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]
    return cache / f"syncs-{platform.machine()}-{digest}" / LIBRARY


def require_sync_watch() -> None:
    """See that `sync_library` can answer; nothing is built.

    Raises:
        ProvisionError: it is not built yet and there is no C compiler.
    """
    if compiler() is None and not cached_library(cache_folder()).exists():
        raise ProvisionError(
            "power-loss must see what workers sync, and there is no C compiler to build what sees it",
            hint=REMEDY,
        )


def sync_library(cache: Path) -> Path:
    """Return the library's path; it is built (in half a second) if it is not in the cache yet.

    Raises:
        ProvisionError: no compiler, or the build failed.
    """
    target = cached_library(cache)
    made_once(target.parent, lambda folder: _build(folder / target.name))
    return target


def _build(library: Path) -> None:
    require_sync_watch()
    command = [*(compiler() or ()), "-O2", "-fPIC", "-shared", "-o", str(library), str(SOURCE)]
    try:
        done = subprocess.run(
            [*command, "-ldl"], capture_output=True, text=True, timeout=BUILD_WITHIN_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ProvisionError(f"{shlex.join(command)}: {error}", hint=REMEDY) from error
    if done.returncode != 0:
        last = "\n".join(done.stderr.strip().splitlines()[-3:])
        raise ProvisionError(
            f"building {SOURCE.name} with {command[0]} failed: {last}", hint=REMEDY
        )
    library.chmod(0o755)
