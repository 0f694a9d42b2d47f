"""An image with an initialised PostgreSQL cluster in it, made once from any image that has the binaries.

initdb is most of a server's start (facts.md of the design: 0.4-0.9 s of CPU against 0.06 s), so it is run once
for each image and each set of settings; every server then starts from a copy-on-write layer. The data stands
outside every volume that official images declare: a volume would not be committed.
"""

import io
import logging
import tarfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docker.errors import APIError

from dtx.core.errors import ProvisionError
from dtx.targets.cache import cache_folder, locked
from dtx.targets.cluster import HBA, INITIALISE, fingerprint, settings_text
from dtx.targets.docker.engine import Engine, engine_errors_as, remove_container
from dtx.targets.docker.images import Image, find_image
from dtx.targets.runtime import RUN_LABEL, Address

_LOG = logging.getLogger(__name__)

REPOSITORY = "dtx-init-postgres"
CACHE_LABEL = "dtx.cache"
DATA = "/dtx/data"
INITIALISE_TIMEOUT_S = 120

_BINARY_LABEL = "dtx.postgres.binary"
_USER_LABEL = "dtx.postgres.user"
_VERSION_LABEL = "dtx.postgres.version"

# Asks the image where its server is and whom to run it as: PostgreSQL refuses root, so the image's user
# `postgres` (official and Debian images have one), else nobody.
_PROBE = """
folder=$(dirname "$(command -v postgres || ls -d /usr/lib/postgresql/*/bin/postgres | sort -V | tail -n 1)")
test -x "$folder/postgres" && test -x "$folder/initdb" || exit 3
echo "$folder"
id -u postgres 2>/dev/null || echo 65534
id -g postgres 2>/dev/null || echo 65534
"$folder/postgres" --version
"""

# A server killed between making its lock file and writing it leaves an empty one, and PostgreSQL then refuses
# to start. Nobody else can be at work on the data of a container that is only starting.
_START = f'rm -f {DATA}/postmaster.pid; exec "$@"'

_INITIALISE = f"""{INITIALISE}
cat /dtx/settings.conf >> "$2"/postgresql.conf
cp /dtx/hba.conf "$2"/pg_hba.conf
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialisedImage:
    """An image from which PostgreSQL servers start.

    Attributes:
        id: its digest.
        binary: path of `postgres` in it.
        user: `uid:gid` to run it as, the owner of the data.
        version: what the server calls itself, `15.18`.
    """

    id: str
    binary: str
    user: str
    version: str

    def command(self, address: Address) -> list[str]:
        """Return what starts the server, listening there."""
        settings = [f"listen_addresses={address.host}"]
        if int(self.version.partition(".")[0]) >= 14:
            # Recovery after a kill syncs every file of the cluster. Opening each one for that copies it from
            # the image into the container's layer: 0.6 s, against 0.05 s for one syncfs.
            settings.append("recovery_init_sync_method=syncfs")
        options = [word for setting in settings for word in ("-c", setting)]
        server = [self.binary, "-D", DATA, "-p", str(address.port), *options]
        return ["/bin/sh", "-c", _START, "sh", *server]


def initialised_image(engine: Engine, base: Image, run_id: str) -> InitialisedImage:
    """Return the initialised image for `base`, made (1-3 s) if there is none yet.

    Args:
        engine: where.
        base: an image with the binaries.
        run_id: whose containers make it, so that they are swept if dtx dies meanwhile.

    Raises:
        ProvisionError: the image has no PostgreSQL or no shell, or initdb failed.
    """
    name = _name(base)
    found = find_image(engine, name)
    if found is None:
        with locked(cache_folder() / name.replace(":", "-")):
            found = find_image(engine, name) or _make(engine, base, name, run_id)
    return InitialisedImage(
        id=found.id,
        binary=found.labels[_BINARY_LABEL],
        user=found.labels[_USER_LABEL],
        version=found.labels[_VERSION_LABEL],
    )


def is_initialised(engine: Engine, base: Image) -> bool:
    """Whether there is an initialised image for `base` already."""
    return find_image(engine, _name(base)) is not None


def _name(base: Image) -> str:
    return f"{REPOSITORY}:{base.short_id}-{fingerprint()}"


def remove_cached_images(engine: Engine) -> int:
    """Remove every initialised image; return how many went. Those in use stay.

    Raises:
        ProvisionError: the engine failed.
    """
    removed = 0
    with engine_errors_as("can't list the initialised images"):
        images: list[dict[str, Any]] = engine.api.images(filters={"label": f"{CACHE_LABEL}=1"})
    for image in images:
        try:
            engine.api.remove_image(image["Id"])
        except APIError as error:
            _LOG.info("initialised image %s stays: %s", image["Id"], error.explanation)
        else:
            removed += 1
    return removed


def _make(engine: Engine, base: Image, name: str, run_id: str) -> Image:
    folder, uid, gid, version = _probe(engine, base, run_id)
    labels = {
        CACHE_LABEL: "1",
        # A commit takes the container's labels over; this one must not mark the image's containers.
        RUN_LABEL: "",
        _BINARY_LABEL: f"{folder}/postgres",
        _USER_LABEL: f"{uid}:{gid}",
        _VERSION_LABEL: version,
    }
    repository, _, tag = name.partition(":")
    with engine_errors_as(f"can't initialise a cluster in {base.name}"):
        container = _create(
            engine, base, run_id, _INITIALISE, user=f"{uid}:{gid}", arguments=[folder, DATA]
        )
        try:
            engine.api.put_archive(container, "/", _files(uid, gid))
            _run(engine, container, f"initdb failed in {base.name}")
            engine.api.commit(
                container,
                repository=repository,
                tag=tag,
                changes=[f'LABEL "{key}"="{value}"' for key, value in labels.items()],
            )
        finally:
            remove_container(engine, container)
    made = find_image(engine, name)
    if made is None:
        raise ProvisionError(f"the image {name} was removed while it was made", hint="run it again")
    return made


def _probe(engine: Engine, base: Image, run_id: str) -> tuple[str, int, int, str]:
    """Return the folder of the binaries, uid and gid to run them as, and the version."""
    failed = f"no postgres and initdb found in the image {base.name}"
    with engine_errors_as(failed, hint="the image needs a shell and PostgreSQL's own binaries"):
        container = _create(engine, base, run_id, _PROBE, user="0:0")
        try:
            lines = _run(engine, container, failed).splitlines()
        finally:
            remove_container(engine, container)
    if len(lines) < 4:
        raise ProvisionError(f"{failed}: it said {lines}")
    # "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"
    version = lines[3].partition(") ")[2].partition(" ")[0]
    if not version[:1].isdigit():
        raise ProvisionError(f"{failed}: its version is {lines[3]!r}")
    return lines[0], int(lines[1]), int(lines[2]), version


def _create(
    engine: Engine,
    base: Image,
    run_id: str,
    script: str,
    *,
    user: str,
    arguments: Sequence[str] = (),
) -> str:
    created: dict[str, Any] = engine.api.create_container(
        base.id,
        entrypoint=["/bin/sh", "-c", script, "sh"],
        command=list(arguments),
        user=user,
        name=f"dtx-{run_id}-init-{uuid.uuid4().hex[:8]}",
        labels={RUN_LABEL: run_id},
        host_config=engine.api.create_host_config(network_mode="none"),
        use_config_proxy=False,
    )
    return str(created["Id"])


def _run(engine: Engine, container: str, failed: str) -> str:
    """Start a container, wait for its end, return what it wrote to stdout."""
    engine.api.start(container)
    status = engine.api.wait(container, timeout=INITIALISE_TIMEOUT_S)["StatusCode"]
    if status != 0:
        output: bytes = engine.api.logs(container, tail=8)
        raise ProvisionError(
            f"{failed}: exit status {status}\n{output.decode(errors='replace').strip()}"
        )
    said: bytes = engine.api.logs(container, stdout=True, stderr=False)
    return said.decode(errors="replace")


def _files(uid: int, gid: int) -> bytes:
    """Return a tar archive of /dtx, owned by the server's user, with the settings in it."""
    buffer = io.BytesIO()
    contents: Mapping[str, str] = {"settings.conf": settings_text(), "hba.conf": HBA}
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        folder = tarfile.TarInfo("dtx")
        folder.type, folder.mode, folder.uid, folder.gid = tarfile.DIRTYPE, 0o755, uid, gid
        archive.addfile(folder)
        for name, text in contents.items():
            member = tarfile.TarInfo(f"dtx/{name}")
            member.mode, member.size, member.uid, member.gid = 0o644, len(text.encode()), uid, gid
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()
