"""A system with real processes, the saga by default: one PostgreSQL with all databases, and workers as in system.toml."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from dtx.config.loader import load_system
from dtx.config.model import DatabaseKind, Reference, Selection, System, Worker
from dtx.core.observation import Shape
from dtx.targets.local.runtime import LocalRuntime, LocalServer
from dtx.targets.loopback import free_port, release_port
from dtx.targets.runtime import RunScope

FOLDER = Path(__file__).parents[3] / "dtx" / "patterns" / "saga"

Json = dict[str, Any]


def until(condition: Callable[[], bool], within_s: float, what: str) -> None:
    """Wait until the condition is true; fail with `what` if it is not in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s: {what}")
        time.sleep(0.02)


class Databases:
    """The PostgreSQL databases of a system, in one server."""

    def __init__(self, server: LocalServer, system: System) -> None:
        self.server = server
        self.system = system
        until(self.answers, 10, f"PostgreSQL answers: {server.last_output()}")
        for database in system.databases.values():
            if database.kind is not DatabaseKind.POSTGRES:
                continue
            assert database.schema is not None
            with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
                connection.execute(f'create database "{database.name}"'.encode())
            with psycopg.connect(self.url(database.name), autocommit=True) as connection:
                connection.execute(database.schema.read_bytes())

    def url(self, name: str) -> str:
        return f"postgresql://dtx:dtx@{self.server.address}/{name}"

    def answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def rows(self, name: str, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url(name)) as connection:
            return connection.execute(query.encode()).fetchall()


class RunningWorker:
    """One worker process, with its crash file and the lines that it wrote."""

    def __init__(self, worker: Worker, port: int, env: Mapping[str, str], folder: Path) -> None:
        self.name = worker.name
        self.url = f"http://127.0.0.1:{port}"
        self.crash_file = folder / f"{worker.name}-{port}.crash.json"
        self.lines: list[str] = []
        self._command = [t.render(lambda _: sys.executable) for t in worker.command]
        self._env = {
            **os.environ,
            **env,
            "PORT": str(port),
            "DTX_CRASH_FILE": str(self.crash_file),
        }
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, cwd=FOLDER, env=self._env, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        threading.Thread(target=self._collect, args=(self._process,), daemon=True).start()

    def wait_ready(self) -> None:
        until(lambda: get(f"{self.url}/healthz")[0] == 200, 15, f"{self.name}: {self.lines[-5:]}")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def state(self) -> str:
        """The kernel's letter for it: R, S, T (stopped), ..."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self, sig: signal.Signals = signal.SIGTERM) -> float:
        """Send the signal, wait for the end; return how long it took in s."""
        begun = time.monotonic()
        if self._process is not None:
            if self._process.poll() is None:
                self._process.send_signal(sig)
            self._process.wait(timeout=10)
        return time.monotonic() - begun

    def arm(self, point: str, *, nth: int = 1, tx: str | None = None) -> None:
        partial = self.crash_file.with_suffix(".part")
        partial.write_text(json.dumps({"point": point, "n": nth, "tx": tx}))
        partial.replace(self.crash_file)

    def has_crashed(self) -> bool:
        return self._process is not None and self._process.poll() == -signal.SIGKILL

    def story(self, tx: str) -> list[str]:
        return [line for line in self.lines if f"tx={tx} " in line]

    def _collect(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        self.lines.extend(iter(process.stdout.readline, ""))


class Saga:
    """A running system; `orders`, `payments`, `inventory` and `place` are for the workload order."""

    def __init__(self, databases: Databases, workers: Mapping[str, RunningWorker]) -> None:
        self.databases = databases
        self.workers = workers
        [coordinator] = [w.name for w in databases.system.workers.values() if w.role]
        self.coordinator = workers[coordinator]

    @property
    def orders(self) -> RunningWorker:
        return self.workers["orders"]

    @property
    def payments(self) -> RunningWorker:
        return self.workers["payments"]

    @property
    def inventory(self) -> RunningWorker:
        return self.workers["inventory"]

    def place(self, tx: str, *, customer: str = "ann", sku: str = "apple") -> tuple[int, Json]:
        body = {"tx": tx, "customer": customer, "sku": sku, "quantity": 2, "price": 150}
        return self.submit("orders", body)

    def submit(self, path: str, body: Json) -> tuple[int, Json]:
        return post(f"{self.coordinator.url}/{path}", body)

    def status(self, tx: str) -> str | None:
        return get(f"{self.coordinator.url}/transactions/{tx}")[1].get("status")

    def wait_ended(self, tx: str, within_s: float = 10) -> str:
        open_ = {"PENDING", "UNKNOWN", None}
        until(lambda: self.status(tx) not in open_, within_s, f"{tx} ends")
        return str(self.status(tx))

    def effects(self, tx: str) -> list[tuple[str, str, int]]:
        """Return (step, effect, amount) at all participants, in order of commit."""
        found = []
        for database in self.databases.system.databases.values():
            effects = database.observe.get(Shape.EFFECTS)
            if effects is None:
                continue
            found += self.databases.rows(
                database.name,
                f"select * from ({effects}) e (tx, step, effect, amount, at) where tx = '{tx}'",
            )
        return [(row[1], row[2], int(row[3])) for row in sorted(found, key=lambda row: row[4])]

    def log(self, tx: str) -> list[str]:
        rows = self.databases.rows(
            f"{self.coordinator.name}-db",
            f"select entry from saga_log where tx = '{tx}' order by seq",
        )
        return [str(row[0]).partition(":")[0] for row in rows]


@contextmanager
def running_databases(
    workload: str | None = None, *, system_folder: Path = FOLDER
) -> Iterator[Databases]:
    """A PostgreSQL server with the schemas of system.toml."""
    system = load_system(system_folder, Selection(workload=workload))
    with tempfile.TemporaryDirectory(prefix="dtx-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        runtime = LocalRuntime(
            RunScope(run_id="test-patterns", folder=folder), [DatabaseKind.POSTGRES]
        )
        try:
            yield Databases(runtime.launch_postgres("postgres"), system)
        finally:
            runtime.close()


@contextmanager
def running_saga(
    databases: Databases, folder: Path, *, variant: str | None = None,
    via: Mapping[str, str] | None = None, ports: Mapping[str, int] | None = None,
    system_folder: Path = FOLDER,
) -> Iterator[Saga]:  # fmt: skip
    """Start all workers and wait until they are ready; `via` replaces the URLs of nodes by others."""
    chosen = Selection(variant=variant, workload=databases.system.workload)
    system = load_system(system_folder, chosen)
    taken = {name: (ports or {}).get(name) or free_port() for name in system.workers}

    def resolve(reference: Reference) -> str:
        if via and reference.name in via:
            return via[reference.name]
        if reference.kind == "databases":
            return databases.url(reference.name)
        return f"http://127.0.0.1:{taken[reference.name]}"

    workers = {
        name: RunningWorker(
            worker, taken[name], {k: t.render(resolve) for k, t in worker.env.items()}, folder
        )
        for name, worker in system.workers.items()
    }
    with ExitStack() as stack:
        for worker in workers.values():
            stack.callback(release_port, taken[worker.name])
            stack.callback(worker.stop, signal.SIGKILL)
            worker.start()
        for worker in workers.values():
            worker.wait_ready()
        yield Saga(databases, workers)


def get(url: str) -> tuple[int, Json]:
    return _exchange(urllib.request.Request(url))


def post(url: str, body: Json) -> tuple[int, Json]:
    data = json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    return _exchange(urllib.request.Request(url, data=data, headers=headers))


def _exchange(request: urllib.request.Request) -> tuple[int, Json]:
    """Return status and JSON; status 0 when there was no answer."""
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
    except OSError:
        return 0, {}
