"""From a system to a running environment that is cleaned up whatever way the harness ends."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from dtx.config.model import DatabaseKind, System
from dtx.core.errors import DtxError, ProvisionError
from dtx.targets import process_tree
from dtx.targets.environment import Environment
from dtx.targets.local.runtime import LocalRuntime
from dtx.targets.reaper_client import Reaper
from dtx.targets.runtime import RunScope, Runtime

FOLDER_PREFIX = "dtx-"
HARNESS_FILE = "harness"
"""In a run's private folder: pid and start time of the harness that owns it, for `dtx clean`."""


class RuntimeName(StrEnum):
    """Where servers run."""

    AUTO = "auto"
    DOCKER = "docker"
    LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeChoice:
    """The runtime that was taken, and why, in one line."""

    name: RuntimeName
    reason: str


def choose_runtime(wanted: RuntimeName, kinds: Collection[DatabaseKind]) -> RuntimeChoice:
    """Return docker if an engine answers and has (or can get) the images, else local; or what was asked for.

    Args:
        wanted: by the user.
        kinds: the databases that will be brought up.

    Raises:
        ProvisionError: docker was asked for and can't be used.
    """
    if wanted is RuntimeName.LOCAL:
        return RuntimeChoice(name=wanted, reason="asked for")
    # The SDK takes 0.2 s to import: only who may need it pays.
    from dtx.targets.docker import images as docker_images  # noqa: PLC0415

    try:
        docker_images.require_images(docker_images.needed_products(kinds))
    except DtxError as error:
        if wanted is RuntimeName.DOCKER:
            raise
        reason = error.message.splitlines()[0]
        return RuntimeChoice(name=RuntimeName.LOCAL, reason=f"no Docker here: {reason}")
    asked = wanted is RuntimeName.DOCKER
    return RuntimeChoice(
        name=RuntimeName.DOCKER,
        reason="asked for" if asked else "an engine with the images answers",
    )


def preparations(wanted: RuntimeName, kinds: Collection[DatabaseKind]) -> tuple[str, ...]:
    """Return what `choose_runtime` will have to do first that takes a while, in words."""
    if wanted is RuntimeName.LOCAL:
        return ()
    from dtx.targets.docker import images as docker_images  # noqa: PLC0415 (0.2 s)

    try:
        missing = docker_images.images_to_pull(docker_images.needed_products(kinds))
    except DtxError:
        return ()
    return tuple(f"pulling the image {name}" for name in missing)


@contextmanager
def provisioned(system: System, runtime: RuntimeName) -> Iterator[Environment]:
    """Give an environment that has not been started; on leaving, nothing of it is left.

    Args:
        system: what to bring up.
        runtime: docker or local, from `choose_runtime`.

    Raises:
        ProvisionError: the private folder can't be made, or the runtime can't be used.
    """
    run_id = secrets.token_hex(6)
    scope = RunScope(run_id=run_id, folder=Path(tempfile.gettempdir()) / f"{FOLDER_PREFIX}{run_id}")
    reaper = Reaper()
    reaper.cover_run(run_id)
    reaper.cover_folder(scope.folder)
    try:
        _make_folder(scope)
        environment = Environment(system, _runtime(runtime, system, scope, reaper), scope)
        try:
            yield environment
        finally:
            environment.close()
    except BaseException:
        # Whatever came up in part; and the reaper would otherwise live as long as the exception is held.
        reaper.sweep()
        raise
    shutil.rmtree(scope.folder, ignore_errors=True)
    reaper.dismiss()


def _runtime(name: RuntimeName, system: System, scope: RunScope, reaper: Reaper) -> Runtime:
    if name is RuntimeName.LOCAL:
        return LocalRuntime(scope, system.database_kinds)
    from dtx.targets.docker import engine as docker_engine  # noqa: PLC0415 (0.2 s)
    from dtx.targets.docker import runtime as docker_runtime  # noqa: PLC0415 (0.2 s)

    reaper.cover_docker(docker_engine.socket_path())
    return docker_runtime.DockerRuntime(scope, system.database_kinds)


def _make_folder(scope: RunScope) -> None:
    try:
        scope.folder.mkdir(mode=0o755)
        owner = f"{os.getpid()} {process_tree.start_time(os.getpid())}\n"
        (scope.folder / HARNESS_FILE).write_text(owner)
    except OSError as error:
        raise ProvisionError(
            f"can't make the private folder {scope.folder}: {error.strerror}",
            hint="set TMPDIR to a folder with room",
        ) from error
