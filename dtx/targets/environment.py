"""An environment: the databases, proxies and workers of one system, running, and what can be asked of them."""

import logging
import shutil
from collections.abc import Callable, Collection
from pathlib import Path

from dtx.config.model import CLIENT, Reference, System
from dtx.core.deadline import Deadline, poll_until
from dtx.core.errors import ConfigError, InternalError, ProvisionError
from dtx.core.ports import Branches
from dtx.targets import side_by_side
from dtx.targets.abilities import DatabaseRowLocks, DatabaseSessions
from dtx.targets.cache import cache_folder
from dtx.targets.database import DatabaseTarget
from dtx.targets.loopback import free_port, release_port
from dtx.targets.nodes import DATABASE_READY_WITHIN_S, NodeTrees
from dtx.targets.observer import Observer
from dtx.targets.processors import ProcessorMeter
from dtx.targets.products import launch
from dtx.targets.proxies.links import ProxiedLinks
from dtx.targets.proxies.toxiproxy import ToxiproxyClient, ToxiproxyError
from dtx.targets.runtime import Address, RunScope, Runtime, ServerProcess
from dtx.targets.waiting import DatabaseWaits
from dtx.targets.workers.crash_files import CrashFiles
from dtx.targets.workers.durable import DurableFiles
from dtx.targets.workers.logs import LogCollector
from dtx.targets.workers.process import WorkerProcess
from dtx.targets.workers.sync_watch import sync_library

_log = logging.getLogger(__name__)

TOXIPROXY_READY_WITHIN_S = 15.0
_TOXIPROXY_HINT = "`dtx doctor` says which one is used; DTX_TOXIPROXY names another"


class Environment:
    """Holds the links, nodes, crash points, sessions, row locks, durable files, waits, processors and the observer of a running system.

    Begin with `start`; a session calls `reset` between trials, which proves that nothing of the last one is
    left; `close` ends everything, in whatever state.
    """

    def __init__(self, system: System, runtime: Runtime, scope: RunScope) -> None:
        self.system = system
        self.runtime = runtime
        self._scope = scope
        self._logs = LogCollector()
        self._databases: dict[str, DatabaseTarget] = {}
        self._workers: dict[str, WorkerProcess] = {}
        self._toxiproxy: ServerProcess | None = None
        self._links: ProxiedLinks | None = None
        self.crash_points = CrashFiles({})
        self.nodes = NodeTrees(system, self._databases, self._workers)
        self.sessions = DatabaseSessions(self._databases)
        self.row_locks = DatabaseRowLocks(self._databases)
        self.durability = DurableFiles(self._workers)
        self.observer = Observer(system, self._databases)
        self.waits = DatabaseWaits(system, self._databases)
        self.processors = ProcessorMeter(runtime.containers)

    @property
    def links(self) -> ProxiedLinks:
        """The proxied links."""
        if self._links is None:
            raise InternalError("the environment has not been started")
        return self._links

    @property
    def branches(self) -> dict[str, Branches]:
        """The prepared branches of every database."""
        return {name: target.branches for name, target in self._databases.items()}

    @property
    def run_id(self) -> str:
        """The mark of all its processes and containers."""
        return self._scope.run_id

    @property
    def folder(self) -> Path:
        """The private folder, which goes with it."""
        return self._scope.folder

    @property
    def toxiproxy_url(self) -> str:
        """Where Toxiproxy's API answers."""
        if self._toxiproxy is None:
            raise InternalError("Toxiproxy has not been started")
        return f"http://{self._toxiproxy.address}"

    def start(self, *, is_reset_later: bool = True) -> None:
        """Bring up databases, with their schemas, and a proxy for each link; workers come later.

        Args:
            is_reset_later: keep what `reset` needs: a copy of each database. Who has one trial need not wait for it.

        Raises:
            ProvisionError, ConfigError: something did not come up.
        """
        starts = [
            self._start_toxiproxy,
            *(self._starter(name, is_reset_later) for name in self.system.databases),
        ]
        side_by_side.each(lambda start: start(), starts, cut_short=self.runtime.close)
        self.observer.check()
        self._make_workers()
        upstreams = {
            name: self._address(name) for name in self.system.nodes if self._has_address(name)
        }
        self._links = ProxiedLinks(
            self._toxiproxy_client(), upstreams, self.system.links,
            speakers={name for name, database in self._databases.items() if database.speaks_first},
        )  # fmt: skip

    def start_workers(self, logs: Path, *, watched: Collection[str] = ()) -> None:
        """Start the workers, writing their logs below the folder, and wait until they are ready.

        Args:
            logs: the folder of their logs.
            watched: workers of which it must be known what they sync.

        Raises:
            ProvisionError: one did not become ready, or what notes syncs can't be built.
        """
        self._logs.write_to(logs)
        for name in watched:
            self._workers[name].watch_syncs(sync_library(cache_folder()))
        side_by_side.each(self.nodes.start, self._workers, cut_short=self._kill_workers)

    def reset(self) -> None:
        """Make the environment as new: workers ended, proxies and databases made again; and prove it.

        Raises:
            ProvisionError: something of the last trial is still there.
        """
        side_by_side.each(lambda worker: worker.stop(), self._workers.values())
        for name, worker in self._workers.items():
            self.crash_points.disarm(name)
            worker.forget()
        self.links.renew()
        side_by_side.each(self._revive_and_reset, self._databases.values())
        problems: list[str] = []

        def is_clean() -> bool:
            problems[:] = self.links.unclean()
            for found in side_by_side.each(lambda d: d.unclean(), self._databases.values()):
                problems.extend(found)
            return not problems

        if not poll_until(is_clean, Deadline.after(10)):
            raise ProvisionError(f"the environment could not be made clean: {'; '.join(problems)}")

    def close(self) -> None:
        """End and remove everything; never raises."""
        side_by_side.each(_end, self._workers.values())
        self._logs.close()
        self.runtime.close()
        shutil.rmtree(self._scope.folder, ignore_errors=True)

    def url(self, reference: Reference) -> str:
        """Resolve a reference straight to the node, past the proxies: for the harness's own eyes."""
        return self._field(reference, self._address(reference.name))

    def client_url(self, reference: Reference) -> str:
        """Resolve a reference as the submitting client sees it, through its link."""
        return self.resolver(CLIENT)(reference)

    def resolver(self, source: str) -> Callable[[Reference], str]:
        """Return what resolves references as a worker, the client or a reader sees them, through its links."""

        def resolve(reference: Reference) -> str:
            if reference.name == source:
                return self._field(reference, self._address(source))
            return self._field(reference, self.links.address(f"{source}->{reference.name}"))

        return resolve

    def dead_servers(self) -> list[str]:
        """Return servers that no fault may kill and that are dead: Toxiproxy."""
        if self._toxiproxy is None or self._toxiproxy.is_alive():
            return []
        return ["toxiproxy"]

    # Bringing up

    def _toxiproxy_client(self) -> ToxiproxyClient:
        if self._toxiproxy is None:
            raise InternalError("Toxiproxy has not been started")
        return ToxiproxyClient(self._toxiproxy.address)

    def _start_toxiproxy(self) -> None:
        server = self._toxiproxy = self.runtime.launch_toxiproxy()
        client = self._toxiproxy_client()

        def answers() -> bool:
            try:
                return bool(client.version())
            except ToxiproxyError:
                if not server.is_alive():
                    said = server.last_output() or "it wrote nothing"
                    raise ProvisionError(
                        f"Toxiproxy died at start: {said}", hint=_TOXIPROXY_HINT
                    ) from None
                return False

        if not poll_until(answers, Deadline.after(TOXIPROXY_READY_WITHIN_S), every_s=0.01):
            raise ProvisionError(
                f"Toxiproxy did not answer within {TOXIPROXY_READY_WITHIN_S:.0f} s",
                hint=_TOXIPROXY_HINT,
            )

    def _kill_workers(self) -> None:
        for worker in self._workers.values():
            worker.kill()

    def _starter(self, name: str, is_reset_later: bool) -> Callable[[], None]:
        def start() -> None:
            target = launch(self.system.databases[name].kind, name, self.runtime)
            self._databases[name] = target
            target.wait_ready(DATABASE_READY_WITHIN_S)
            target.apply_schema(self.system.databases[name].schema)
            if is_reset_later:
                target.keep_pristine()

        return start

    def _make_workers(self) -> None:
        crash = self._scope.folder / "crash"
        crash.mkdir(parents=True, exist_ok=True)
        for name, worker in self.system.workers.items():
            self._workers[name] = WorkerProcess(
                worker=worker,
                folder=self.system.folder,
                scope=self._scope,
                port=free_port() if worker.has_http else None,
                crash_file=crash / f"{name}.json",
                resolve=self.resolver(name),
                logs=self._logs,
                setup=self.system.setup,
            )
        self.crash_points = CrashFiles({n: w.crash_file for n, w in self._workers.items()})

    def _revive_and_reset(self, target: DatabaseTarget) -> None:
        if not target.server.is_alive():
            target.server.start()
            target.wait_ready(DATABASE_READY_WITHIN_S)
        target.reset()

    # References

    def _has_address(self, node: str) -> bool:
        return node in self._databases or self._workers[node].address is not None

    def _address(self, node: str) -> Address:
        if node in self._databases:
            return self._databases[node].server.address
        address = self._workers[node].address
        if address is None:
            raise ConfigError(
                f"worker {node} has no address, but something refers to its url",
                hint=f"set `http = true` in [workers.{node}]",
            )
        return address

    def _field(self, reference: Reference, address: Address) -> str:
        fields = {"host": address.host, "port": str(address.port), "url": f"http://{address}"}
        if reference.kind == "databases":
            fields |= self._databases[reference.name].fields(address)
        return fields[reference.field]


def _end(worker: WorkerProcess) -> None:
    try:
        worker.kill()
    except TimeoutError as error:
        _log.error("worker %s: %s", worker.worker.name, error)
    if worker.address:
        release_port(worker.address.port)
