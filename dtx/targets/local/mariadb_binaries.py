"""MariaDB's server on this machine, and the initialised data that it made once."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from dtx.core.errors import ProvisionError
from dtx.targets.cache import UNPRIVILEGED_ID, made_once
from dtx.targets.local.unprivileged import run_unprivileged
from dtx.targets.mariadb.setup import INIT_SQL, INSTALL_OPTIONS, SERVER_OPTIONS, fingerprint

HINT = (
    "apt-get install --no-install-recommends mariadb-server, or set DTX_MARIADB_BIN to a folder with mariadbd and "
    "mariadb-install-db; or start a Docker engine, and take --runtime docker"
)

_FOLDERS = (
    "/usr/sbin",
    "/usr/bin",
    "/usr/libexec",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/scripts",
)
"""Where distributions put the two; Debian parts them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MariaDbBinaries:
    """The server, the program that initialises its data, where they came from, and their version (`10.11.19`)."""

    server: Path
    install: Path
    origin: str
    version: str


def find_mariadb() -> MariaDbBinaries:
    """Return the binaries to use: those in DTX_MARIADB_BIN, or the system's.

    Raises:
        ProvisionError: none found, or they do not run.
    """
    given = os.environ.get("DTX_MARIADB_BIN")
    origin = "DTX_MARIADB_BIN" if given else "the system"
    path = given or os.pathsep.join((os.environ.get("PATH", ""), *_FOLDERS))
    server, install = (
        shutil.which("mariadbd", path=path),
        shutil.which("mariadb-install-db", path=path),
    )
    if server is None or install is None:
        where = f"in {given} (DTX_MARIADB_BIN)" if given else "on this machine"
        raise ProvisionError(f"no mariadbd and mariadb-install-db {where}", hint=HINT)
    # "mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)"
    words = run_unprivileged([server, "--version"], cwd=Path("/")).split()
    version = words[words.index("Ver") + 1].partition("-")[0] if "Ver" in words[:-1] else "?"
    return MariaDbBinaries(
        server=Path(server), install=Path(install), origin=origin, version=version
    )


def initialised_data(binaries: MariaDbBinaries, cache: Path) -> Path:
    """Return data that these binaries made once, with dtx's users in it; servers start on copies of it."""
    target = data_folder(binaries, cache)
    return made_once(target, lambda folder: _initialise(binaries, folder))


def data_folder(binaries: MariaDbBinaries, cache: Path) -> Path:
    """Return where the initialised data is or will be."""
    return cache / f"mariadb-{binaries.version}-{fingerprint()}"


def server_command(binaries: MariaDbBinaries, folder: Path) -> list[str]:
    """Return the command of a server on `folder/data`; listening is up to the caller."""
    return [
        str(binaries.server), *SERVER_OPTIONS,
        f"--datadir={folder / 'data'}",
        f"--socket={folder / 'socket'}",
        f"--pid-file={folder / 'pid'}",
        f"--tmpdir={folder}",
    ]  # fmt: skip


def _initialise(binaries: MariaDbBinaries, folder: Path) -> None:
    data = folder / "data"
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(data, UNPRIVILEGED_ID, UNPRIVILEGED_ID)
    run_unprivileged([str(binaries.install), *INSTALL_OPTIONS, f"--datadir={data}"], cwd=data)
    # Without a network and without users: it runs what it is given, and ends.
    bootstrap = [str(binaries.server), *SERVER_OPTIONS, f"--datadir={data}", "--bootstrap"]
    run_unprivileged(bootstrap, cwd=data, given=INIT_SQL)
