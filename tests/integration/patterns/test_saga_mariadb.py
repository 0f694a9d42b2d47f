"""The saga's payments on a real MariaDB, as a process: the barrier's keys, and what an error leaves."""

import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pymysql
import pytest

from dtx.config.loader import load_system
from dtx.config.model import DatabaseKind, Reference, Selection
from dtx.targets.local.runtime import LocalRuntime
from dtx.targets.loopback import free_port, release_port
from dtx.targets.mariadb.target import MariaDbTarget
from dtx.targets.runtime import RunScope

from .saga_system import FOLDER, RunningWorker, post, until

pytestmark = [pytest.mark.local, pytest.mark.mariadb]

DATABASE = "payments-db"
_numbers = count(1)


class Payments:
    """The worker, and its database beside it."""

    def __init__(self, target: MariaDbTarget, worker: RunningWorker) -> None:
        self.target = target
        self.worker = worker

    def ask(self, request: str, tx: str, *, customer: str = "ann") -> tuple[int, str]:
        body = {"tx": tx, "customer": customer, "amount": 300}
        status, said = post(
            f"{self.worker.url}/{request}", body if request == "debit" else {"tx": tx}
        )
        return status, said.get("answer", "")

    def effects(self, tx: str) -> list[str]:
        rows = self.target.query(
            f"select effect from payment_effects where tx = '{tx}' order by id"
        )
        return [effect for (effect,) in rows]

    def keys(self, tx: str) -> int:
        [[number]] = self.target.query(f"select count(*) from barrier where tx = '{tx}'")
        return int(number)

    def captured(self, customer: str) -> int:
        [[cents]] = self.target.query(
            f"select captured from accounts where customer = '{customer}'"
        )
        return int(cents)

    def restart(self) -> None:
        self.worker.crash_file.unlink(missing_ok=True)
        self.worker.start()
        self.worker.wait_ready()


@pytest.fixture(scope="module")
def payments() -> Iterator[Payments]:
    system = load_system(FOLDER, Selection(workload="order-mariadb"))
    with tempfile.TemporaryDirectory(prefix="dtx-test-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        scope = RunScope(run_id="test-saga-mariadb", folder=folder)
        runtime = LocalRuntime(scope, list(DatabaseKind))
        stack.callback(runtime.close)
        target = MariaDbTarget(DATABASE, runtime.launch_mariadb(DATABASE))
        target.wait_ready(30)
        target.apply_schema(system.databases[DATABASE].schema)
        url = target.fields(target.server.address)["url"]

        def resolve(reference: Reference) -> str:
            assert reference.name == DATABASE
            return url

        worker = system.workers["payments"]
        env = {key: template.render(resolve) for key, template in worker.env.items()}
        port = free_port()
        stack.callback(release_port, port)
        running = RunningWorker(worker, port, env, folder)
        stack.callback(running.stop)
        running.start()
        running.wait_ready()
        yield Payments(target, running)


@pytest.fixture
def tx() -> str:
    return f"t{next(_numbers)}"


def test_repeated_action_and_compensation_take_effect_once(payments: Payments, tx: str) -> None:
    before = payments.captured("ann")
    assert [payments.ask("debit", tx) for _ in range(2)] == [(200, "done")] * 2
    assert payments.captured("ann") == before + 300
    assert [payments.ask("refund", tx) for _ in range(2)] == [(200, "undone")] * 2
    assert payments.effects(tx) == ["applied", "undone"]
    assert payments.captured("ann") == before
    assert payments.ask("debit", tx) == (200, "done"), "a repeat is told what the first was told"
    assert payments.effects(tx) == ["applied", "undone"]


def test_compensation_before_its_action_is_empty_and_bars_the_action(
    payments: Payments, tx: str
) -> None:
    assert payments.ask("refund", tx) == (200, "empty")
    assert payments.ask("debit", tx) == (409, "barred")
    assert payments.ask("refund", tx) == (200, "empty")
    assert payments.effects(tx) == []


def test_who_has_too_little_is_refused_and_has_nothing_to_be_given_back(
    payments: Payments, tx: str
) -> None:
    assert payments.ask("debit", tx, customer="zoe") == (409, "refused")
    assert payments.ask("refund", tx) == (200, "empty")
    assert payments.effects(tx) == []


def test_action_and_compensation_at_the_same_time_end_in_order(payments: Payments) -> None:
    ids = [f"race-{number}" for number in range(30)]
    threads = [
        threading.Thread(target=payments.ask, args=(request, tx))
        for tx in ids
        for request in ("debit", "refund")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {tuple(payments.effects(tx)) for tx in ids} <= {(), ("applied", "undone"), ("applied",)}
    # Of a pair that met, one may have been told to ask again; asked again, both end in order.
    for tx in ids:
        assert payments.ask("refund", tx)[0] == 200
        assert payments.effects(tx) in ([], ["applied", "undone"])


def test_lock_that_is_waited_for_too_long_leaves_nothing_of_the_transaction(
    payments: Payments, tx: str
) -> None:
    with payments.target.session() as holder, holder.cursor() as cursor:
        cursor.execute("start transaction")
        cursor.execute("select * from accounts where customer = 'ben' for update")
        assert payments.ask("debit", tx, customer="ben")[0] == 503
        cursor.execute("rollback")
    # InnoDB alone would have kept the key: the time-out undoes one statement.
    assert payments.keys(tx) == 0
    assert payments.ask("debit", tx, customer="ben") == (200, "done")


def test_session_that_the_server_ends_is_replaced(payments: Payments, tx: str) -> None:
    with payments.target.session() as connection, connection.cursor() as cursor:
        cursor.execute(
            "select id from information_schema.processlist where user = 'dtx' and db is not null"
            " and id <> connection_id()"
        )
        for (session,) in cursor.fetchall():
            try:
                cursor.execute(f"kill {session}")
            except pymysql.MySQLError:
                continue
    until(lambda: payments.ask("debit", tx) == (200, "done"), 5, "payments serves again")
    assert payments.effects(tx) == ["applied"]


@pytest.mark.parametrize(
    ("point", "stands"),
    [("debit-before-commit", []), ("debit-after-commit", ["applied"])],
)
def test_payments_killed_around_its_commit_answers_a_repeat_by_what_is_committed(
    payments: Payments, tx: str, point: str, stands: list[str]
) -> None:
    payments.worker.arm(point, tx=tx)
    assert payments.ask("debit", tx)[0] == 0
    until(payments.worker.has_crashed, 5, f"payments dies at {point}")
    until(lambda: payments.effects(tx) == stands, 5, "the server notices")
    payments.restart()
    assert payments.ask("debit", tx) == (200, "done")
    assert payments.effects(tx) == ["applied"]
