"""MariaDB in an image: where it is, how its data is initialised, how it is started."""

import shlex
from typing import Final

from dtx.targets.docker.images import MARIADB
from dtx.targets.docker.initialised import DATA, InitialisedImage, Recipe
from dtx.targets.mariadb.setup import INIT_SQL, INSTALL_OPTIONS, SERVER_OPTIONS, fingerprint
from dtx.targets.runtime import Address

# MariaDB refuses root, so the image's user `mysql` (official and Debian images have one), else nobody.
# "mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)"
_PROBE = """
server=$(PATH="$PATH:/usr/sbin:/usr/libexec" command -v mariadbd) || exit 3
command -v mariadb-install-db >/dev/null || exit 3
dirname "$server"
id -u mysql 2>/dev/null || echo 65534
id -g mysql 2>/dev/null || echo 65534
"$server" --version | sed 's/.* Ver //; s/-.*//'
"""

_INITIALISE = f"""
set -e
mkdir -p "$2"
mariadb-install-db {shlex.join(INSTALL_OPTIONS)} --datadir="$2" >/dev/null
"$1/mariadbd" {shlex.join(SERVER_OPTIONS)} --datadir="$2" --bootstrap < /dtx/init.sql
"""


def _command(image: InitialisedImage, address: Address) -> list[str]:
    return [
        f"{image.folder}/mariadbd",
        *SERVER_OPTIONS,
        f"--datadir={DATA}",
        # Beside the data, which the server's user owns; /run and /tmp may not be writable.
        "--socket=/dtx/socket",
        "--pid-file=/dtx/pid",
        "--tmpdir=/dtx",
        f"--bind-address={address.host}",
        f"--port={address.port}",
    ]


RECIPE: Final = Recipe(
    product=MARIADB,
    title="MariaDB",
    fingerprint=fingerprint(),
    probe=_PROBE,
    initialise=_INITIALISE,
    files={"init.sql": INIT_SQL},
    command=_command,
    stop_signal="SIGTERM",
)
