"""The port between products (PostgreSQL, Toxiproxy) and the two runtimes that bring them up."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dtx.core.ports import CleanStop, Death


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens, as seen from this machine: always loopback."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class ServerProcess(Protocol):
    """A server that a runtime started; its address never changes, across kills and restarts too."""

    @property
    def address(self) -> Address:
        """Where it listens."""

    def kill(self) -> Death:
        """SIGKILL every process of it until none is left; return how many were killed."""

    def shut_down(self, within_s: float) -> CleanStop:
        """Let it end by its product's signal for a clean stop; what has not ended in time is killed."""

    def pause(self) -> int:
        """SIGSTOP every process of it until all are stopped; return how many there are.

        Raises:
            ProvisionError, TimeoutError: some could not be stopped.
        """

    def resume(self) -> None:
        """SIGCONT every process of it until none is stopped; nothing happens to one that runs or is dead.

        Raises:
            ProvisionError, TimeoutError: some stay stopped.
        """

    def start(self) -> None:
        """Start it again after a kill, on the same data and address, without waiting for readiness.

        Raises:
            ProvisionError: it could not be started.
        """

    def is_alive(self) -> bool:
        """Whether its first process runs."""

    def last_output(self) -> str:
        """The last lines that it wrote, for error messages."""


class Runtime(Protocol):
    """Brings up servers for one environment and removes them, with everything that they wrote.

    Servers are returned as soon as they are launched: their product waits for readiness, so that several
    come up side by side. Methods may be called from several threads.
    """

    @property
    def name(self) -> str:
        """`docker` or `local`."""

    def versions(self) -> dict[str, str]:
        """Versions of the products it brings up, for plan.json: postgres, toxiproxy, engine."""

    def first_time_work(self) -> Sequence[str]:
        """Return what has to be made once before servers can be launched, in words: it takes a while.

        Raises:
            ProvisionError: binaries or images are absent.
        """

    def launch_postgres(self, name: str) -> ServerProcess:
        """Launch a PostgreSQL server on a fresh copy of the initialised cluster.

        Raises:
            ProvisionError: binaries or image absent, or it can't be started.
        """

    def launch_mariadb(self, name: str) -> ServerProcess:
        """Launch a MariaDB server on a fresh copy of the initialised data.

        Raises:
            ProvisionError: binaries or image absent, or it can't be started.
        """

    def launch_toxiproxy(self) -> ServerProcess:
        """Launch a Toxiproxy server with proxy metrics; its address is the API's.

        Its proxies listen on this machine's 127.0.0.1 and reach the servers' addresses there.

        Raises:
            ProvisionError: binary or image absent, or it can't be started.
        """

    def containers(self) -> Sequence[str]:
        """Return the ids of the containers that its servers are in; none where they are processes below this one."""

    def close(self) -> None:
        """End and remove all that it launched; never raises, logs what would not go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunScope:
    """What every process, container and folder of one environment carries, so that it can be found again.

    Attributes:
        run_id: value of the environment variable DTX_RUN and of the label dtx.run.
        folder: the private temporary folder, removed at the end.
    """

    run_id: str
    folder: Path


RUN_VARIABLE = "DTX_RUN"
"""Environment variable that marks every process of an environment; the reaper searches for it."""

RUN_LABEL = "dtx.run"
"""Label of every container, network and volume of an environment."""
