"""The connection to a Docker engine: a local one, over its unix socket, or the reason why there is none."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker
import requests
from docker.errors import DockerException

from dtx.core.errors import ProvisionError

_LOG = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 3
"""An engine that does not tell its version in this time is taken as absent."""

OPERATION_TIMEOUT_S = 60
"""For one call: removing many containers at once on a busy machine takes seconds."""

POOL_SIZE = 32
"""Connections that one client keeps; more threads than that wait for nothing but pay a new connection."""

ENGINE_ERRORS = (DockerException, requests.RequestException)
"""What the SDK raises: its own errors, and those of requests that it lets through (time-outs)."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A local engine that answered.

    Attributes:
        api: the SDK's low-level client; its pool is safe to use from several threads.
        socket: path of the engine's unix socket, for the reaper.
        version: the engine's version.
    """

    api: docker.APIClient
    socket: str
    version: str


def connect() -> Engine:
    """Connect to the engine that DOCKER_HOST names, else to this machine's.

    Raises:
        ProvisionError: the engine is remote, or does not answer, or runs where containers can't share
            this machine's loopback.
    """
    socket = socket_path()
    try:
        api = docker.APIClient(
            base_url=f"unix://{socket}",
            version="auto",
            timeout=CONNECT_TIMEOUT_S,
            max_pool_size=POOL_SIZE,
        )
        info = api.info()
    except ENGINE_ERRORS as error:
        raise ProvisionError(
            f"no Docker engine answers at {socket}: {explain(error)}",
            hint="start the engine (and check that you may use its socket), or take --runtime local",
        ) from error
    _refuse_foreign_loopback(info)
    api.timeout = OPERATION_TIMEOUT_S
    return Engine(api, socket, str(info["ServerVersion"]))


def engine_answers() -> str | None:
    """Return the version of the engine that dtx would use, None if there is none."""
    try:
        return connect().version
    except ProvisionError:
        return None


@contextmanager
def engine_errors_as(what: str, *, hint: str = "") -> Iterator[None]:
    """Turn what the SDK raises into a ProvisionError that says `what` failed."""
    try:
        yield
    except ENGINE_ERRORS as error:
        raise ProvisionError(f"{what}: {explain(error)}", hint=hint) from error


def remove_container(engine: Engine, container: str) -> None:
    """Remove a container with its volumes; never raises, so that it can't hide the error before it.

    What stays carries the run's label, and goes when the run is closed.
    """
    try:
        engine.api.remove_container(container, v=True, force=True)
    except ENGINE_ERRORS as error:
        _LOG.info("container %s stays for now: %s", container, error)


def socket_path() -> str:
    """Return the path of the engine's unix socket, whether an engine answers there or not.

    Raises:
        ProvisionError: DOCKER_HOST names a remote engine.
    """
    host = os.environ.get("DOCKER_HOST", "")
    if host.startswith("unix://"):
        return host.removeprefix("unix://")
    if host:
        raise ProvisionError(
            f"DOCKER_HOST={host} is a remote engine: its containers can't reach workers that run on this machine",
            hint="unset DOCKER_HOST or set it to a unix:// socket, or take --runtime local",
        )
    return str(Path("/var/run/docker.sock"))


def _refuse_foreign_loopback(info: dict[str, object]) -> None:
    # Toxiproxy must share the loopback of the workers, which `--network host` gives only where the engine
    # runs in this machine's own network: not in Docker Desktop's virtual machine, not in a rootless engine's.
    if info.get("OperatingSystem") == "Docker Desktop":
        where = "Docker Desktop runs containers in a virtual machine"
    elif "name=rootless" in str(info.get("SecurityOptions")):
        where = "a rootless engine has a network of its own"
    else:
        return
    raise ProvisionError(
        f"{where}: its host network is not this machine's, so Toxiproxy can't reach the workers",
        hint="use the engine of this machine (DOCKER_HOST=unix:///var/run/docker.sock), or --runtime local",
    )


def explain(error: Exception) -> str:
    """Return what the engine said, without the request that the SDK puts around it; at most 300 characters."""
    explanation = getattr(error, "explanation", None)
    text = str(explanation or error)
    return text if len(text) < 300 else text[:297] + "..."
