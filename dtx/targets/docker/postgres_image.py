"""PostgreSQL in an image: where it is, how its cluster is initialised, how it is started."""

from typing import Final

from dtx.targets.docker.images import POSTGRES
from dtx.targets.docker.initialised import DATA, InitialisedImage, Recipe
from dtx.targets.postgres.setup import HBA, INITIALISE, fingerprint, settings_text
from dtx.targets.runtime import Address

# PostgreSQL refuses root, so the image's user `postgres` (official and Debian images have one), else nobody.
# "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"
_PROBE = """
folder=$(dirname "$(command -v postgres || ls -d /usr/lib/postgresql/*/bin/postgres | sort -V | tail -n 1)")
test -x "$folder/postgres" && test -x "$folder/initdb" || exit 3
echo "$folder"
id -u postgres 2>/dev/null || echo 65534
id -g postgres 2>/dev/null || echo 65534
"$folder/postgres" --version | sed 's/^[^)]*) //; s/ .*//'
"""

# A server killed between making its lock file and writing it leaves an empty one, and PostgreSQL then refuses
# to start. Nobody else can be at work on the data of a container that is only starting.
_START = f'rm -f {DATA}/postmaster.pid; exec "$@"'


def _command(image: InitialisedImage, address: Address) -> list[str]:
    settings = [f"listen_addresses={address.host}"]
    if int(image.version.partition(".")[0]) >= 14:
        # Recovery after a kill syncs every file of the cluster. Opening each one for that copies it from
        # the image into the container's layer: 0.6 s, against 0.05 s for one syncfs.
        settings.append("recovery_init_sync_method=syncfs")
    options = [word for setting in settings for word in ("-c", setting)]
    server = [f"{image.folder}/postgres", "-D", DATA, "-p", str(address.port), *options]
    return ["/bin/sh", "-c", _START, "sh", *server]


RECIPE: Final = Recipe(
    product=POSTGRES,
    title="PostgreSQL",
    fingerprint=fingerprint(),
    probe=_PROBE,
    initialise=f"""{INITIALISE}
cat /dtx/settings.conf >> "$2"/postgresql.conf
cp /dtx/hba.conf "$2"/pg_hba.conf
""",
    files={"settings.conf": settings_text(), "hba.conf": HBA},
    command=_command,
    stop_signal="SIGINT",  # fast shutdown
)
