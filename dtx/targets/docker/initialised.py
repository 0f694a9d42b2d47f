"""An image with an initialised database server in it, made once from any image that has the binaries.

Initialising is most of a server's start (facts.md of the design: initdb takes 0.4-0.9 s of CPU against 0.06 s), so it is
run once for each image and each set of settings; every server then starts from a copy-on-write layer. The data stands
outside every volume that official images declare: a volume would not be committed.
"""

import io
import logging
import tarfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docker.errors import APIError

from dtx.core.errors import ProvisionError
from dtx.targets.cache import cache_folder, locked
from dtx.targets.docker.engine import Engine, engine_errors_as, remove_container
from dtx.targets.docker.images import Image, Product, find_image
from dtx.targets.runtime import RUN_LABEL, Address

_LOG = logging.getLogger(__name__)

CACHE_LABEL = "dtx.cache"
DATA = "/dtx/data"
INITIALISE_TIMEOUT_S = 120

LABELLING = 2
"""Changes with the labels below: an image that another dtx made under other labels is not taken."""

_FOLDER_LABEL = "dtx.binaries"
_USER_LABEL = "dtx.user"
_VERSION_LABEL = "dtx.version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How an image of one product is initialised, and how its server is started.

    Attributes:
        product: which images can carry it.
        title: its name in messages.
        fingerprint: of everything that the initialised data depends on.
        probe: for sh, as root: prints the folder of the binaries, the uid and gid to run them as, and the version,
            a line each; fails if the image lacks them.
        initialise: for sh, as that user: arguments are the folder of the binaries and of the data, which is not there.
        files: name below /dtx -> content, there for `initialise`.
        command: what starts a server of the image, listening at an address.
        stop_signal: what asks its first process for a clean end.
    """

    product: Product
    title: str
    fingerprint: str
    probe: str
    initialise: str
    files: Mapping[str, str]
    command: Callable[["InitialisedImage", Address], list[str]]
    stop_signal: str

    def image_name(self, base: Image) -> str:
        """Return the name of the initialised image made from `base`."""
        return f"dtx-init-{self.product.name}:{base.short_id}-{self.fingerprint}-{LABELLING}"


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialisedImage:
    """An image from which servers start.

    Attributes:
        id: its digest.
        folder: where its binaries are.
        user: `uid:gid` to run it as, the owner of the data.
        version: what the server calls itself, `15.18`.
    """

    id: str
    folder: str
    user: str
    version: str


def initialised_image(engine: Engine, recipe: Recipe, base: Image, run_id: str) -> InitialisedImage:
    """Return the initialised image for `base`, made (1-3 s) if there is none yet.

    Args:
        engine: where.
        recipe: of the product.
        base: an image with the binaries.
        run_id: whose containers make it, so that they are swept if dtx dies meanwhile.

    Raises:
        ProvisionError: the image has no binaries or no shell, or initialising failed.
    """
    name = recipe.image_name(base)
    found = find_image(engine, name)
    if found is None:
        with locked(cache_folder() / name.replace(":", "-")):
            found = find_image(engine, name) or _make(engine, recipe, base, name, run_id)
    return InitialisedImage(
        id=found.id,
        folder=found.labels[_FOLDER_LABEL],
        user=found.labels[_USER_LABEL],
        version=found.labels[_VERSION_LABEL],
    )


def is_initialised(engine: Engine, recipe: Recipe, base: Image) -> bool:
    """Whether there is an initialised image for `base` already."""
    return find_image(engine, recipe.image_name(base)) is not None


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


def _make(engine: Engine, recipe: Recipe, base: Image, name: str, run_id: str) -> Image:
    folder, uid, gid, version = _probe(engine, recipe, base, run_id)
    labels = {
        CACHE_LABEL: "1",
        # A commit takes the container's labels over; this one must not mark the image's containers.
        RUN_LABEL: "",
        _FOLDER_LABEL: folder,
        _USER_LABEL: f"{uid}:{gid}",
        _VERSION_LABEL: version,
    }
    repository, _, tag = name.partition(":")
    with engine_errors_as(f"can't initialise {recipe.title} in {base.name}"):
        container = _create(
            engine, base, run_id, recipe.initialise, user=f"{uid}:{gid}", arguments=[folder, DATA]
        )
        try:
            engine.api.put_archive(container, "/", _files(recipe.files, uid, gid))
            _run(engine, container, f"initialising {recipe.title} failed in {base.name}")
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


def _probe(engine: Engine, recipe: Recipe, base: Image, run_id: str) -> tuple[str, int, int, str]:
    """Return the folder of the binaries, uid and gid to run them as, and the version."""
    failed = f"no {recipe.title} server found in the image {base.name}"
    hint = f"the image needs a shell and {recipe.title}'s own binaries; {recipe.product.variable} names another"
    with engine_errors_as(failed, hint=hint):
        container = _create(engine, base, run_id, recipe.probe, user="0:0")
        try:
            lines = _run(engine, container, failed, hint=hint).splitlines()
        finally:
            remove_container(engine, container)
    if len(lines) < 4:
        raise ProvisionError(f"{failed}: it said {lines}", hint=hint)
    version = lines[3]
    if not version[:1].isdigit():
        raise ProvisionError(f"{failed}: its version is {lines[3]!r}", hint=hint)
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


def _run(engine: Engine, container: str, failed: str, *, hint: str = "") -> str:
    """Start a container, wait for its end, return what it wrote to stdout."""
    engine.api.start(container)
    status = engine.api.wait(container, timeout=INITIALISE_TIMEOUT_S)["StatusCode"]
    if status != 0:
        output: bytes = engine.api.logs(container, tail=8)
        raise ProvisionError(
            f"{failed}: exit status {status}\n{output.decode(errors='replace').strip()}", hint=hint
        )
    said: bytes = engine.api.logs(container, stdout=True, stderr=False)
    return said.decode(errors="replace")


def _files(contents: Mapping[str, str], uid: int, gid: int) -> bytes:
    """Return a tar archive of /dtx, owned by the server's user, with the files in it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        folder = tarfile.TarInfo("dtx")
        folder.type, folder.mode, folder.uid, folder.gid = tarfile.DIRTYPE, 0o755, uid, gid
        archive.addfile(folder)
        for name, text in contents.items():
            member = tarfile.TarInfo(f"dtx/{name}")
            member.mode, member.size, member.uid, member.gid = 0o644, len(text.encode()), uid, gid
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()
