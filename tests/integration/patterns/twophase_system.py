"""Two-phase commit with real processes: one PostgreSQL with four databases, one MariaDB, and the worker `tm`."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pymysql

from dtx.config.loader import load_system
from dtx.config.model import DatabaseKind, Reference, Selection
from dtx.targets.local.runtime import LocalRuntime
from dtx.targets.loopback import free_port, release_port
from dtx.targets.mariadb.target import MariaDbTarget
from dtx.targets.runtime import RunScope

from .saga_system import Databases, Json, RunningWorker, get, post, until

FOLDER = Path(__file__).parents[3] / "dtx" / "patterns" / "2pc"

POSTGRES = ("orders-db", "queue-db", "inventory-db")
MARIADB = "payments-db"


class TwoVendors:
    """All databases of system.toml, each with its schema."""

    def __init__(self, postgres: Databases, mariadb: MariaDbTarget) -> None:
        self.postgres = postgres
        self.mariadb = mariadb

    def url(self, name: str) -> str:
        if name == MARIADB:
            return self.mariadb.fields(self.mariadb.server.address)["url"]
        return self.postgres.url(name)

    def prepared(self, tx: str) -> dict[str, list[str]]:
        """Return what the servers' own catalogues list for `tx`: database -> names of branches."""
        listed = self.postgres.rows("orders-db", "select database, gid from pg_prepared_xacts")
        found: dict[str, list[str]] = {}
        for database, gid in listed:
            if f":{tx}:" in gid:
                found.setdefault(database, []).append(gid)
        with self.mariadb.session() as connection, connection.cursor() as cursor:
            cursor.execute("xa recover")
            names = [data.decode(errors="replace") for *_, data in cursor.fetchall()]
        ours = [name for name in names if f":{tx}:" in name]
        return found | ({MARIADB: ours} if ours else {})

    def effects(self, tx: str) -> set[str]:
        """Return the databases in which the work of `tx` is committed."""
        tables = {"orders-db": "order", "queue-db": "queue", "inventory-db": "inventory"}
        found = {
            name
            for name, table in tables.items()
            if self.postgres.rows(name, f"select 1 from {table}_effects where tx = '{tx}'")
        }
        if self.mariadb.query(f"select 1 from payment_effects where tx = '{tx}'"):
            found.add(MARIADB)
        return found

    def decision(self, tx: str) -> tuple[str, bool] | None:
        """Return what the log says of `tx`, and whether it is forgotten; None if nothing."""
        rows = self.postgres.rows(
            "log-db",
            f"select decision, forgotten_at is not null from decisions where tx = '{tx}'",
        )
        return (rows[0][0], rows[0][1]) if rows else None

    def is_stuck(self, tx: str) -> bool:
        """Whether an operator is shown `tx`."""
        return bool(
            self.postgres.rows(
                "log-db", f"select 1 from decisions where tx = '{tx}' and stuck_since is not null"
            )
        )

    def do(self, *statements: str, to: str = "postgres") -> None:
        """Do in a database of PostgreSQL what an operator does, as the owner of everything."""
        with psycopg.connect(self.postgres.url(to), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def as_worker(self) -> "pymysql.Connection[pymysql.cursors.Cursor]":
        """Connect to MariaDB as the system's workers do."""
        address = self.mariadb.server.address
        return pymysql.connect(
            host=address.host, port=address.port, user="dtx", password="dtx", database="app",
            autocommit=True, read_timeout=10,
        )  # fmt: skip


RECOVERED_WITHIN_S = 20


def ends(vendors: TwoVendors, tx: str) -> None:
    """Wait until nothing of `tx` is in doubt."""
    until(lambda: not vendors.prepared(tx), RECOVERED_WITHIN_S, f"nothing of {tx} is in doubt")


EVERYWHERE = {*POSTGRES, MARIADB}


@contextmanager
def two_vendors() -> Iterator[TwoVendors]:
    """Run the servers."""
    system = load_system(FOLDER)
    schema = system.databases[MARIADB].schema
    with tempfile.TemporaryDirectory(prefix="dtx-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        runtime = LocalRuntime(RunScope(run_id="test-2pc", folder=folder), list(DatabaseKind))
        try:
            mariadb = MariaDbTarget(MARIADB, runtime.launch_mariadb(MARIADB))
            postgres = Databases(runtime.launch_postgres("postgres"), system)
            mariadb.wait_ready(30)
            mariadb.apply_schema(schema)
            yield TwoVendors(postgres, mariadb)
        finally:
            runtime.close()


class Manager:
    """The running worker."""

    def __init__(self, databases: TwoVendors, worker: RunningWorker) -> None:
        self.databases = databases
        self.worker = worker
        self._numbers = count(1)

    def serves(self) -> bool:
        """Whether an order is confirmed; each has a name of its own."""
        return self.place(f"serves-{next(self._numbers)}")[0] == 201

    def place(self, tx: str, *, customer: str = "ann", sku: str = "apple") -> tuple[int, Json]:
        body = {"tx": tx, "customer": customer, "sku": sku, "quantity": 2, "price": 150}
        return post(f"{self.worker.url}/orders", body)

    def status(self, tx: str) -> tuple[int, Json]:
        return get(f"{self.worker.url}/transactions/{tx}")

    def crash_at(self, point: str, tx: str) -> None:
        """Place an order in which the worker dies."""
        self.worker.arm(point, tx=tx)
        assert self.place(tx)[0] == 0
        until(self.worker.has_crashed, 5, f"tm dies at {point}")

    def restart(self) -> None:
        self.worker.crash_file.unlink(missing_ok=True)
        self.worker.start()
        self.worker.wait_ready()


@contextmanager
def running_manager(
    databases: TwoVendors, folder: Path, workload: str | None = None
) -> Iterator[Manager]:
    """Run the worker as system.toml says, with `folder` for its data, and wait until it is ready."""
    worker = load_system(FOLDER, Selection(workload=workload)).workers["tm"]

    def resolve(reference: Reference) -> str:
        return str(folder) if reference.field == "data" else databases.url(reference.name)

    port = free_port()
    env = {key: template.render(resolve) for key, template in worker.env.items()}
    running = RunningWorker(worker, port, env, folder)
    with ExitStack() as stack:
        stack.callback(release_port, port)
        stack.callback(running.stop)
        running.start()
        running.wait_ready()
        yield Manager(databases, running)
