"""The docker runtime: PostgreSQL and Toxiproxy in containers, all labelled with the run's id.

PostgreSQL is on a bridge network of the run with its port published on 127.0.0.1: other containers of this
machine, which share the default bridge, can't reach a server that trusts whoever connects. That network costs
0.15 s when a run begins and 0.15 s when it ends. Toxiproxy is on the host's network: workers are host processes that
listen on 127.0.0.1, which a bridged container can't reach.
"""

import logging
import threading
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from docker.errors import APIError
from docker.types import LogConfig

from dtx.core.deadline import Deadline, poll_until
from dtx.core.errors import ProvisionError
from dtx.targets.docker import sweep as docker_sweep
from dtx.targets.docker.cluster import (
    POSTGRES_PORT,
    InitialisedImage,
    initialised_image,
    is_initialised,
)
from dtx.targets.docker.engine import (
    ENGINE_ERRORS,
    connect,
    engine_errors_as,
    explain,
    remove_container,
)
from dtx.targets.docker.images import POSTGRES, PRODUCTS, TOXIPROXY, Image, resolve_image
from dtx.targets.docker.server import DockerServer, is_port_clash
from dtx.targets.loopback import free_port, release_port
from dtx.targets.runtime import RUN_LABEL, Address, RunScope

_LOG = logging.getLogger(__name__)

NODE_LABEL = "dtx.node"
LOOPBACK = "127.0.0.1"
PORT_ATTEMPTS = 10
SWEEP_WITHIN_S = 30.0

_LOGS = LogConfig(type="json-file", config={"max-size": "8m", "max-file": "1"})


class DockerRuntime:
    """The `Runtime` that brings servers up in containers of a local engine.

    Raises:
        ProvisionError: from the constructor, if no usable engine answers.
    """

    def __init__(self, scope: RunScope) -> None:
        self._scope = scope
        self._engine = connect()
        self._lock = threading.Lock()
        self._network: str | None = None
        self._images: dict[str, Image] = {}
        self._cluster: InitialisedImage | None = None
        self._ports: list[int] = []
        self._is_closed = False

    @property
    def name(self) -> str:
        """`docker`."""
        return "docker"

    @property
    def socket(self) -> str:
        """Path of the engine's unix socket, for the reaper."""
        return self._engine.socket

    def versions(self) -> dict[str, str]:
        """Versions of PostgreSQL, Toxiproxy and the engine; makes the initialised image if there is none.

        Raises:
            ProvisionError: an image is absent or unusable.
        """
        toxiproxy = self._image(TOXIPROXY.name)
        version = toxiproxy.labels.get("org.opencontainers.image.version", toxiproxy.name)
        return {
            "postgres": self._initialised().version,
            "postgres image": _described(self._image(POSTGRES.name)),
            "toxiproxy": version,
            "toxiproxy image": _described(toxiproxy),
            "engine": self._engine.version,
        }

    def first_time_work(self) -> Sequence[str]:
        """Return what has to be made once for these images.

        Raises:
            ProvisionError: an image is absent.
        """
        base = self._image(POSTGRES.name)
        if is_initialised(self._engine, base):
            return ()
        return (f"initialising a PostgreSQL cluster from {base.name} (once)",)

    def launch_postgres(self, name: str) -> DockerServer:
        """Launch a PostgreSQL server on a fresh copy of the initialised cluster.

        Raises:
            ProvisionError: image absent, or it can't be started.
        """
        cluster = self._initialised()
        network = self._run_network()

        def launch(port: int) -> str:
            return self._run(
                name,
                cluster.id,
                cluster.command,
                user=cluster.user,
                ports=[POSTGRES_PORT],
                network_mode=network,
                port_bindings={POSTGRES_PORT: (LOOPBACK, port)},
            )

        return self._on_free_port(name, launch)

    def launch_toxiproxy(self) -> DockerServer:
        """Launch a Toxiproxy server with proxy metrics, on the host's network.

        Raises:
            ProvisionError: image absent, or it can't be started.
        """
        image = self._image(TOXIPROXY.name)

        def launch(port: int) -> str:
            options = ["-host", LOOPBACK, "-port", str(port), "-proxy-metrics"]
            return self._run_first(
                "toxiproxy", image, [[binary, *options] for binary in _toxiproxy_binaries(image)]
            )

        return self._on_free_port("toxiproxy", launch)

    def close(self) -> None:
        """Remove every container and network of the run; never raises, logs what would not go."""
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
        # Until nothing is found: a launch under way in another thread still holds the network.
        run_id, socket = self._scope.run_id, self._engine.socket
        if not poll_until(
            lambda: docker_sweep.sweep(run_id, socket) == 0, Deadline.after(SWEEP_WITHIN_S)
        ):
            _LOG.warning("containers or the network of run %s would not go", run_id)

    def _on_free_port(self, name: str, launch: Callable[[int], str]) -> DockerServer:
        """Launch on a free port, on another one if somebody took it meanwhile."""
        for _ in range(PORT_ATTEMPTS):
            port = free_port()
            try:
                container = launch(port)
            except ProvisionError:
                release_port(port)
                raise
            except ENGINE_ERRORS as error:
                release_port(port)
                if is_port_clash(error):
                    continue
                raise ProvisionError(
                    f"can't start a container for {name}: {explain(error)}"
                ) from error
            with self._lock:
                self._ports.append(port)
            return DockerServer(
                self._engine, name=name, container=container, address=Address(LOOPBACK, port)
            )
        raise ProvisionError(f"no port for {name}: {PORT_ATTEMPTS} were taken one after the other")

    def _run_first(self, name: str, image: Image, commands: Sequence[Sequence[str]]) -> str:
        """Run the first of the commands whose binary the image has."""
        tried = [command[0] for command in commands]
        for command in commands:
            try:
                return self._run(name, image.id, command, network_mode="host")
            except APIError as error:
                if not _is_binary_absent(error):
                    raise
        raise ProvisionError(
            f"the image {image.name} has no {name} server: tried {', '.join(tried)}",
            hint=f"check {TOXIPROXY.variable}, or build one with `dtx images build`",
        )

    def _run(
        self,
        name: str,
        image: str,
        command: Sequence[str],
        *,
        user: str | None = None,
        ports: list[int] | None = None,
        **host: Any,
    ) -> str:
        """Create and start a container; return its id. One that can't be started is removed."""
        if self._is_closed:
            raise ProvisionError(f"can't launch {name}: the environment is closed")
        api = self._engine.api
        created: dict[str, Any] = api.create_container(
            image,
            entrypoint=[command[0]],
            command=list(command[1:]),
            user=user,
            ports=ports,
            name=f"dtx-{self._scope.run_id}-{name}-{uuid.uuid4().hex[:6]}",
            labels={RUN_LABEL: self._scope.run_id, NODE_LABEL: name},
            use_config_proxy=False,
            host_config=api.create_host_config(
                init=False,
                restart_policy={"Name": "no"},
                log_config=_LOGS,
                **host,
            ),
        )
        container = str(created["Id"])
        try:
            api.start(container)
            # Closed while this one was made: the sweep may have come too early to see it.
            if self._is_closed:
                raise ProvisionError(f"can't launch {name}: the environment was closed meanwhile")
        except (ProvisionError, *ENGINE_ERRORS):
            remove_container(self._engine, container)
            raise
        return container

    def _image(self, product: str) -> Image:
        with self._lock:
            if product not in self._images:
                chosen = next(p for p in PRODUCTS if p.name == product)
                self._images[product] = resolve_image(self._engine, chosen)
            return self._images[product]

    def _initialised(self) -> InitialisedImage:
        base = self._image(POSTGRES.name)
        with self._lock:
            if self._cluster is None:
                self._cluster = initialised_image(self._engine, base, self._scope.run_id)
            return self._cluster

    def _run_network(self) -> str:
        with self._lock:
            if self._is_closed:
                raise ProvisionError("can't launch a server: the environment is closed")
            if self._network is None:
                name = f"dtx-{self._scope.run_id}"
                with engine_errors_as("can't make a network for the run"):
                    self._engine.api.create_network(
                        name, driver="bridge", labels={RUN_LABEL: self._scope.run_id}
                    )
                self._network = name
            return self._network


def _toxiproxy_binaries(image: Image) -> list[str]:
    """Return where the server may be: what the image itself would start, then the usual names."""
    own = [path for path in image.entrypoint[:1] if "toxiproxy" in path]
    usual = ["/toxiproxy", "toxiproxy-server", "/toxiproxy-server", "toxiproxy"]
    return list(dict.fromkeys([*own, *usual]))


def _is_binary_absent(error: Exception) -> bool:
    text = str(error)
    return "no such file or directory" in text or "executable file not found" in text


def _described(image: Image) -> str:
    return f"{image.name} ({image.short_id}, {image.origin})"
