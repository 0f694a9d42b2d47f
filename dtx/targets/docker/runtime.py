"""The docker runtime: PostgreSQL and Toxiproxy in containers, all labelled with the run's id.

Every server is on the host's network and listens on 127.0.0.1 only, as without Docker. Workers are host processes
that listen there too, which a bridged Toxiproxy could not reach; and other containers of this machine can't reach a
server that trusts whoever connects. A bridge with published ports takes twice as long to come up (three servers:
0.8-1.6 s against 0.4-0.8 s on the same machine) and four times as long to go, and every connection would pass the
engine's own proxy.
"""

import logging
import threading
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from docker.types import LogConfig

from dtx.config.model import DatabaseKind
from dtx.core.deadline import Deadline, poll_until
from dtx.core.errors import ProvisionError
from dtx.targets.docker import mariadb_image, postgres_image
from dtx.targets.docker import sweep as docker_sweep
from dtx.targets.docker.engine import ENGINE_ERRORS, connect, engine_errors_as, remove_container
from dtx.targets.docker.images import TOXIPROXY, Image, Product, resolve_image
from dtx.targets.docker.initialised import (
    InitialisedImage,
    Recipe,
    initialised_image,
    is_initialised,
)
from dtx.targets.docker.server import DockerServer
from dtx.targets.loopback import free_port, release_port
from dtx.targets.runtime import RUN_LABEL, Address, RunScope

_LOG = logging.getLogger(__name__)

NODE_LABEL = "dtx.node"
LOOPBACK = "127.0.0.1"
SWEEP_WITHIN_S = 30.0

_LOGS = LogConfig(type="json-file", config={"max-size": "8m", "max-file": "1"})


_RECIPES: Final[Mapping[DatabaseKind, Recipe]] = {
    DatabaseKind.POSTGRES: postgres_image.RECIPE,
    DatabaseKind.MARIADB: mariadb_image.RECIPE,
}


class DockerRuntime:
    """The `Runtime` that brings servers up in containers of a local engine.

    Raises:
        ProvisionError: from the constructor, if no usable engine answers.
    """

    def __init__(self, scope: RunScope, kinds: Collection[DatabaseKind]) -> None:
        """Connect to the engine.

        Args:
            scope: marks every container.
            kinds: which databases will be launched.
        """
        self._scope = scope
        self._engine = connect()
        self._lock = threading.Lock()
        self._images: dict[str, Image] = {}
        self._recipes = [_RECIPES[kind] for kind in kinds]
        self._initialised: dict[str, InitialisedImage] = {}
        self._ports: list[int] = []
        self._is_closed = False
        self._containers: list[str] = []

    @property
    def name(self) -> str:
        """`docker`."""
        return "docker"

    @property
    def socket(self) -> str:
        """Path of the engine's unix socket, for the reaper."""
        return self._engine.socket

    def versions(self) -> dict[str, str]:
        """Versions of the servers and the engine; makes the initialised images if there are none.

        Raises:
            ProvisionError: an image is absent or unusable.
        """
        toxiproxy = self._image(TOXIPROXY)
        version = toxiproxy.labels.get("org.opencontainers.image.version", toxiproxy.name)
        found = {"toxiproxy": version, "toxiproxy image": _described(toxiproxy)}
        for recipe in self._recipes:
            name = recipe.product.name
            found[name] = self._ready(recipe).version
            found[f"{name} image"] = _described(self._image(recipe.product))
        return {**found, "engine": self._engine.version}

    def first_time_work(self) -> Sequence[str]:
        """Return what has to be made once for these images.

        Raises:
            ProvisionError: an image is absent.
        """
        bases = [(recipe, self._image(recipe.product)) for recipe in self._recipes]
        return [
            f"initialising {recipe.title} from {base.name} (once)"
            for recipe, base in bases
            if not is_initialised(self._engine, recipe, base)
        ]

    def launch_postgres(self, name: str) -> DockerServer:
        """Launch a PostgreSQL server on a fresh copy of the initialised cluster."""
        return self._launch(name, postgres_image.RECIPE)

    def launch_mariadb(self, name: str) -> DockerServer:
        """Launch a MariaDB server on a fresh copy of the initialised data."""
        return self._launch(name, mariadb_image.RECIPE)

    def launch_toxiproxy(self) -> DockerServer:
        """Launch a Toxiproxy server with proxy metrics, on the host's network.

        Raises:
            ProvisionError: image absent, or it can't be started.
        """
        image = self._image(TOXIPROXY)
        address = Address(LOOPBACK, self._port())
        options = ["-host", address.host, "-port", str(address.port), "-proxy-metrics"]
        container = self._run_first(
            "toxiproxy", image, [[binary, *options] for binary in _toxiproxy_binaries(image)]
        )
        return DockerServer(self._engine, name="toxiproxy", container=container, address=address)

    def _launch(self, name: str, recipe: Recipe) -> DockerServer:
        image = self._ready(recipe)
        address = Address(LOOPBACK, self._port())
        container = self._run(name, image.id, recipe.command(image, address), user=image.user)
        return DockerServer(
            self._engine, name=name, container=container, address=address,
            stop_signal=recipe.stop_signal,
        )  # fmt: skip

    def containers(self) -> Sequence[str]:
        """Return the ids of the containers, those that have gone too."""
        return tuple(self._containers)

    def close(self) -> None:
        """Remove every container of the run; never raises, logs what would not go."""
        with self._lock:
            self._is_closed = True
        try:
            self._sweep()
        except OSError as error:
            _LOG.warning("can't remove the containers of run %s: %s", self._scope.run_id, error)
        for port in self._ports:
            release_port(port)
        self._engine.api.close()

    def _sweep(self) -> None:
        # Until nothing is found: a launch may be under way in another thread.
        run_id, socket = self._scope.run_id, self._engine.socket
        if not poll_until(
            lambda: docker_sweep.sweep(run_id, socket) == 0, Deadline.after(SWEEP_WITHIN_S)
        ):
            _LOG.warning("containers of run %s would not go", run_id)

    def _port(self) -> int:
        port = free_port()
        with self._lock:
            self._ports.append(port)
        return port

    def _run_first(self, name: str, image: Image, commands: Sequence[Sequence[str]]) -> str:
        """Run the first of the commands whose binary the image has."""
        tried = [command[0] for command in commands]
        for command in commands:
            try:
                return self._run(name, image.id, command)
            except ProvisionError as error:
                if not _is_binary_absent(error):
                    raise
        raise ProvisionError(
            f"the image {image.name} has no {name} server: tried {', '.join(tried)}",
            hint=f"check {TOXIPROXY.variable}, or build one with `dtx images build`",
        )

    def _run(
        self, name: str, image: str, command: Sequence[str], *, user: str | None = None
    ) -> str:
        """Create and start a container; return its id. One that can't be started is removed."""
        if self._is_closed:
            raise ProvisionError(f"can't launch {name}: the environment is closed")
        with engine_errors_as(f"can't start a container for {name}"):
            container = self._create(name, image, command, user)
            self._containers.append(container)
            try:
                self._engine.api.start(container)
                # Closed while this one was made: the sweep may have come too early to see it.
                if self._is_closed:
                    raise ProvisionError(
                        f"can't launch {name}: the environment was closed meanwhile"
                    )
            except (ProvisionError, *ENGINE_ERRORS):
                remove_container(self._engine, container)
                raise
        return container

    def _create(self, name: str, image: str, command: Sequence[str], user: str | None) -> str:
        api = self._engine.api
        created: dict[str, Any] = api.create_container(
            image,
            entrypoint=[command[0]],
            command=list(command[1:]),
            user=user,
            name=f"dtx-{self._scope.run_id}-{name}-{uuid.uuid4().hex[:6]}",
            labels={RUN_LABEL: self._scope.run_id, NODE_LABEL: name},
            use_config_proxy=False,
            host_config=api.create_host_config(
                init=False,
                network_mode="host",
                restart_policy={"Name": "no"},
                log_config=_LOGS,
            ),
        )
        return str(created["Id"])

    def _image(self, product: Product) -> Image:
        with self._lock:
            if product.name not in self._images:
                self._images[product.name] = resolve_image(self._engine, product)
            return self._images[product.name]

    def _ready(self, recipe: Recipe) -> InitialisedImage:
        base, name = self._image(recipe.product), recipe.product.name
        with self._lock:
            if name not in self._initialised:
                self._initialised[name] = initialised_image(
                    self._engine, recipe, base, self._scope.run_id
                )
            return self._initialised[name]


def _toxiproxy_binaries(image: Image) -> list[str]:
    """Return where the server may be: what the image itself would start, then the usual names."""
    own = [path for path in image.entrypoint[:1] if "toxiproxy" in path]
    usual = ["/toxiproxy", "toxiproxy-server", "/toxiproxy-server", "toxiproxy"]
    return list(dict.fromkeys([*own, *usual]))


def _is_binary_absent(error: ProvisionError) -> bool:
    text = str(error.__cause__)  # the whole of what the engine said
    return "no such file or directory" in text or "executable file not found" in text


def _described(image: Image) -> str:
    return f"{image.name} ({image.short_id}, {image.origin})"
