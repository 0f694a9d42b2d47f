"""Builds the images from distribution packages and Go modules, for machines that reach no image registry."""

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from docker.errors import APIError

from dtx.core.errors import ProvisionError
from dtx.targets.cache import cache_folder, locked
from dtx.targets.docker.debian_base import host_apt_setup, make_base, proxy_variables
from dtx.targets.docker.engine import Engine, connect, engine_errors_as
from dtx.targets.docker.images import (
    MARIADB,
    POSTGRES,
    RECIPE_LABEL,
    TOXIPROXY,
    Image,
    Product,
    find_image,
)
from dtx.targets.proxies.toxiproxy_binary import VERSION, toxiproxy_binary

BASE = "dtx-debian:latest"
BUILD_TIMEOUT_S = 900
VERSION_LABEL = "org.opencontainers.image.version"

_RECIPES = Path(__file__).with_name("dockerfiles")
_BASE_RECIPE = "debootstrap minbase, 1"
"""Changes when the way in which the base is made changes: images made the old way are then made again."""

Report = Callable[[str], None]


def build_images(report: Report, *, force: bool = False) -> tuple[Image, ...]:
    """Build what is absent or was made by an older recipe; return the images for all products.

    Args:
        report: told each step, one line.
        force: build all anew, on today's packages.

    Raises:
        ProvisionError: no engine, debootstrap, root or Go, or a build failed.
    """
    engine = connect()
    engine.api.timeout = BUILD_TIMEOUT_S
    with locked(cache_folder() / "images"):
        databases = [
            _built_database(engine, product, report, force=force) for product in (POSTGRES, MARIADB)
        ]
        toxiproxy = _built(
            engine, TOXIPROXY.built, _digest(VERSION, _recipe("toxiproxy")), report,
            lambda labels: _build_toxiproxy(engine, labels, report), force=force,
        )  # fmt: skip
    return *databases, toxiproxy


def _built(
    engine: Engine,
    name: str,
    recipe: str,
    report: Report,
    build: Callable[[Mapping[str, str]], None],
    *,
    force: bool,
) -> Image:
    """Return the image, built if it is absent, of another recipe, or if forced."""
    before = find_image(engine, name)
    if before is not None and before.labels.get(RECIPE_LABEL) == recipe and not force:
        report(f"{name}: present")
        return before
    build({RECIPE_LABEL: recipe})
    after = find_image(engine, name)
    if after is None:
        raise ProvisionError(f"{name} was built and is gone again", hint="run it again")
    _remove_replaced(engine, before, after)
    report(f"{name}: built, {after.size_bytes / 1e6:.0f} MB")
    return after


def _remove_replaced(engine: Engine, before: Image | None, after: Image) -> None:
    if before is None or before.id == after.id:
        return
    try:
        engine.api.remove_image(before.id)
    except APIError:
        return  # a container or an initialised image stands on it; `dtx clean` and docker's prune take it


def _built_database(engine: Engine, product: Product, report: Report, *, force: bool) -> Image:
    return _built(
        engine, product.built, _digest(_BASE_RECIPE, _recipe(product.name)), report,
        lambda labels: _build_database(engine, product, labels, report, force=force), force=force,
    )  # fmt: skip


def _build_database(
    engine: Engine, product: Product, labels: Mapping[str, str], report: Report, *, force: bool
) -> None:
    _built(
        engine, BASE, _digest(_BASE_RECIPE), report,
        lambda base_labels: _build_base(engine, base_labels, report), force=force,
    )  # fmt: skip
    report(f"{product.built}: installing {product.name}")
    _build(engine, product.built, {"Dockerfile": _recipe(product.name)}, labels, force=force)


def _build_toxiproxy(engine: Engine, labels: Mapping[str, str], report: Report) -> None:
    report(f"{TOXIPROXY.built}: building Toxiproxy {VERSION} with Go, unless it is in the cache")
    binary = toxiproxy_binary(cache_folder()).read_bytes()
    files = {"Dockerfile": _recipe("toxiproxy"), "toxiproxy": binary}
    _build(engine, TOXIPROXY.built, files, {**labels, VERSION_LABEL: VERSION}, force=True)


def _build_base(engine: Engine, labels: Mapping[str, str], report: Report) -> None:
    setup = host_apt_setup()
    report(f"{BASE}: debootstrap {setup.suite} from {setup.mirror}")
    folder = Path(tempfile.mkdtemp(prefix=".debian-", dir=cache_folder()))
    try:
        make_base(folder, setup)
        _import(engine, folder, labels)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _import(engine: Engine, folder: Path, labels: Mapping[str, str]) -> None:
    exclude = [
        f"--exclude=./var/{path}/*" for path in ("cache/apt/archives", "lib/apt/lists", "log")
    ]
    command = ["tar", "-C", str(folder), "--numeric-owner", *exclude, "-c", "."]
    repository, _, tag = BASE.partition(":")
    with (
        engine_errors_as(f"can't import {BASE}"),
        subprocess.Popen(command, stdout=subprocess.PIPE) as tar,
    ):
        engine.api.import_image_from_stream(
            tar.stdout, repository=repository, tag=tag,
            changes=[f'LABEL "{key}"="{value}"' for key, value in labels.items()],
        )  # fmt: skip
    if tar.returncode != 0:
        engine.api.remove_image(BASE)
        raise ProvisionError(f"can't import {BASE}: tar ended with {tar.returncode}")


def _build(
    engine: Engine,
    name: str,
    files: Mapping[str, bytes],
    labels: Mapping[str, str],
    *,
    force: bool,
) -> None:
    # On the host's network: name servers and proxies on this machine's loopback work there too.
    with engine_errors_as(f"can't build {name}"):
        events = engine.api.build(
            fileobj=io.BytesIO(_context(files)), custom_context=True, encoding=None, tag=name,
            labels=dict(labels), buildargs=proxy_variables(os.environ), network_mode="host",
            nocache=force, rm=True, forcerm=True, decode=True,
        )  # fmt: skip
        said: list[str] = []
        for event in events:
            said.append(str(event.get("stream", "")).strip())
            if "error" in event:
                last = "\n".join([line for line in said if line][-3:])
                raise ProvisionError(
                    f"can't build {name}: {event['error']}\n{last}",
                    hint="a package mirror must be reachable from a container",
                )


def _context(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _recipe(name: str) -> bytes:
    return (_RECIPES / f"{name}.Dockerfile").read_bytes()


def _digest(*parts: str | bytes) -> str:
    whole = b"\n".join(p.encode() if isinstance(p, str) else p for p in parts)
    return hashlib.sha256(whole).hexdigest()[:12]
