"""Real servers without Docker: processes on 127.0.0.1, in the run's private folder."""

import contextlib
import logging
import os
import signal
import subprocess
import threading
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from dtx.config.model import DatabaseKind
from dtx.core.errors import ProvisionError
from dtx.core.ports import CleanStop, Death
from dtx.targets import process_tree, side_by_side
from dtx.targets.cache import UNPRIVILEGED_ID, cache_folder
from dtx.targets.local import shared_memory
from dtx.targets.local.mariadb_binaries import (
    MariaDbBinaries,
    data_folder,
    find_mariadb,
    initialised_data,
    server_command,
)
from dtx.targets.local.postgres_binaries import (
    PostgresBinaries,
    cluster_folder,
    find_postgres,
    initialised_cluster,
)
from dtx.targets.local.unprivileged import as_unprivileged
from dtx.targets.loopback import free_port, release_port
from dtx.targets.proxies.toxiproxy_binary import VERSION as TOXIPROXY_VERSION
from dtx.targets.proxies.toxiproxy_binary import is_toxiproxy_ready, toxiproxy_binary
from dtx.targets.runtime import RUN_VARIABLE, Address, RunScope

_log = logging.getLogger(__name__)

LAST_LINES = 12
STOP_WITHIN_S = 1.0


class LocalServer:
    """Implements `ServerProcess` as a process tree of this machine."""

    def __init__(
        self, *, name: str, command: Sequence[str], address: Address, folder: Path,
        environment: Mapping[str, str], is_unprivileged: bool, stop_signal: signal.Signals = signal.SIGINT,
    ) -> None:  # fmt: skip
        self.name = name
        self._stop_signal = stop_signal
        self._command = list(command)
        self._address = address
        self._folder = folder
        self._environment = dict(environment)
        self._log = folder / "server.log"
        self._identity = as_unprivileged() if is_unprivileged else {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> Address:
        """Where it listens."""
        return self._address

    def start(self) -> None:
        """Start it on its own folder and address."""
        _remove_empty_lock(self._folder / "data" / "postmaster.pid")
        with self._log.open("ab") as log:
            try:
                self._process = subprocess.Popen(
                    self._command, cwd=self._folder, env=self._environment,
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True, **self._identity,
                )  # type: ignore[call-overload]  # fmt: skip
            except OSError as error:
                raise ProvisionError(
                    f"{self.name}: can't start {self._command[0]}: {error.strerror}"
                ) from error

    def kill(self) -> Death:
        """SIGKILL the tree: all descendants, and all that work in its folder (orphaned backends)."""
        if self._process is None:
            return Death(processes=0)
        killed = process_tree.kill_all(self._members)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        return Death(processes=killed)

    def shut_down(self, within_s: float) -> CleanStop:
        """The product's own stop signal to the first process, which takes its children along; who is left is killed."""
        processes = len(self._members())
        if self.is_alive() and self._process is not None:
            self._process.send_signal(self._stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=within_s)
        return CleanStop(processes=processes, killed=self.kill().processes)

    def pause(self) -> int:
        """SIGSTOP the tree, as `kill` finds it."""
        return process_tree.stop_all(self._members)

    def resume(self) -> None:
        """SIGCONT the tree."""
        process_tree.continue_all(self._members)

    def stop(self) -> None:
        """End it for good: its first process first, which takes its children along, then whoever is left.

        SIGQUIT is PostgreSQL's immediate shutdown, and ends Toxiproxy as it ends any Go program.
        """
        if self.is_alive() and self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=STOP_WITHIN_S)
        self.kill()
        shared_memory.remove_segments(self._folder)

    def is_alive(self) -> bool:
        """Whether the first process runs."""
        return self._process is not None and self._process.poll() is None

    def last_output(self) -> str:
        """The last lines of its log."""
        with contextlib.suppress(OSError):
            lines = self._log.read_text(errors="replace").splitlines()
            return "\n".join(lines[-LAST_LINES:])
        return ""

    def _members(self) -> set[int]:
        found = process_tree.working_below(self._folder)
        # Once it was waited for, its pid may be somebody else's.
        if self._process is None or self._process.poll() is not None:
            return found
        return found | process_tree.descendants(self._process.pid)


class LocalRuntime:
    """Implements `Runtime`. Everything it makes is below the scope's folder."""

    name = "local"

    def __init__(self, scope: RunScope, kinds: Collection[DatabaseKind]) -> None:
        """Prepare.

        Args:
            scope: marks every process; everything it makes is below its folder.
            kinds: which databases will be launched.
        """
        self._kinds = kinds
        self._scope = scope
        self._cache = cache_folder()
        self._lock = threading.Lock()
        self._servers: list[LocalServer] = []
        self._binaries: PostgresBinaries | None = None
        self._mariadb_binaries: MariaDbBinaries | None = None
        self._is_closed = False

    def versions(self) -> dict[str, str]:
        """Versions of the servers, with where the binaries came from."""
        versions = {"toxiproxy": TOXIPROXY_VERSION}
        if DatabaseKind.POSTGRES in self._kinds:
            postgres = self._postgres()
            versions["postgres"] = f"{postgres.version} ({postgres.origin})"
        if DatabaseKind.MARIADB in self._kinds:
            mariadb = self._mariadb()
            versions["mariadb"] = f"{mariadb.version} ({mariadb.origin})"
        return versions

    def first_time_work(self) -> Sequence[str]:
        """Return what is not in the cache yet."""
        work = []
        if not is_toxiproxy_ready(self._cache):
            work.append(f"building Toxiproxy {TOXIPROXY_VERSION} with Go (once, about 30 s)")
        if DatabaseKind.POSTGRES in self._kinds:
            postgres = self._postgres()
            if not cluster_folder(postgres, self._cache).exists():
                work.append(f"initialising a PostgreSQL {postgres.version} cluster (once)")
        if DatabaseKind.MARIADB in self._kinds:
            mariadb = self._mariadb()
            if not data_folder(mariadb, self._cache).exists():
                work.append(f"initialising a MariaDB {mariadb.version} server (once)")
        return work

    def launch_postgres(self, name: str) -> LocalServer:
        """Launch PostgreSQL on a copy of the initialised cluster."""
        binaries = self._postgres()
        folder = self._folder(name)
        data = folder / "data"
        _copy(initialised_cluster(binaries, self._cache) / "data", data)
        address = Address("127.0.0.1", free_port())
        server = LocalServer(
            name=name,
            command=[
                str(binaries.folder / "postgres"),
                "-D",
                str(data),
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                f"port={address.port}",
                # In the data folder, so that nothing of a killed server stays in /dev/shm.
                "-c",
                "dynamic_shared_memory_type=mmap",
            ],
            address=address,
            folder=folder,
            environment=self._environment(),
            is_unprivileged=True,
        )
        return self._launch(server)

    def launch_mariadb(self, name: str) -> LocalServer:
        """Launch MariaDB on a copy of the initialised data."""
        binaries = self._mariadb()
        folder = self._folder(name)
        _copy(initialised_data(binaries, self._cache) / "data", folder / "data")
        address = Address("127.0.0.1", free_port())
        listening = [f"--bind-address={address.host}", f"--port={address.port}"]
        server = LocalServer(
            name=name,
            command=[*server_command(binaries, folder), *listening],
            address=address,
            folder=folder,
            environment=self._environment(),
            is_unprivileged=True,
            stop_signal=signal.SIGTERM,
        )
        return self._launch(server)

    def launch_toxiproxy(self) -> LocalServer:
        """Launch Toxiproxy with proxy metrics."""
        address = Address("127.0.0.1", free_port())
        server = LocalServer(
            name="toxiproxy",
            command=[
                str(toxiproxy_binary(self._cache)),
                "-host",
                address.host,
                "-port",
                str(address.port),
                "-proxy-metrics",
            ],
            address=address,
            folder=self._folder("toxiproxy"),
            environment=self._environment() | {"LOG_LEVEL": "error"},
            is_unprivileged=True,
        )
        return self._launch(server)

    def containers(self) -> Sequence[str]:
        """Return none: its servers are processes below this one."""
        return ()

    def close(self) -> None:
        """Kill every server; the folder is its maker's to remove."""
        with self._lock:
            self._is_closed = True
            servers, self._servers = self._servers, []
        side_by_side.each(_end, servers)

    def _launch(self, server: LocalServer) -> LocalServer:
        with self._lock:
            if self._is_closed:
                release_port(server.address.port)
                raise ProvisionError(f"{server.name}: the runtime is closed")
            self._servers.append(server)
            server.start()
        return server

    def _postgres(self) -> PostgresBinaries:
        with self._lock:
            if self._binaries is None:
                self._binaries = find_postgres(self._cache)
            return self._binaries

    def _mariadb(self) -> MariaDbBinaries:
        with self._lock:
            if self._mariadb_binaries is None:
                self._mariadb_binaries = find_mariadb()
            return self._mariadb_binaries

    def _folder(self, name: str) -> Path:
        folder = self._scope.folder / name
        folder.mkdir(parents=True)
        if os.geteuid() == 0:
            os.chown(folder, UNPRIVILEGED_ID, UNPRIVILEGED_ID)
        return folder

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C",
            "TZ": "UTC",
            RUN_VARIABLE: self._scope.run_id,
        }


def _end(server: LocalServer) -> None:
    try:
        server.stop()
    except TimeoutError as error:
        _log.error("%s: %s", server.name, error)
    release_port(server.address.port)


def _remove_empty_lock(file: Path) -> None:
    # A server that was killed between making its lock file and writing it would never come back (PostgreSQL 18,
    # miscinit.c: `lock file "postmaster.pid" is empty`); our kill left none of it running.
    with contextlib.suppress(FileNotFoundError):
        if file.stat().st_size == 0:
            file.unlink()


def _copy(source: Path, target: Path) -> None:
    # cp shares blocks where the file system can, keeps the owner, and does not hold Python's lock.
    done = subprocess.run(
        ["cp", "-a", "--reflink=auto", str(source), str(target)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise ProvisionError(
            f"can't copy the initialised cluster: {(done.stderr.strip().splitlines() or ['no reason'])[-1]}",
            hint="make room there, or set TMPDIR to a folder with room",
        )
