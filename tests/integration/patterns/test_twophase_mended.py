"""What the manager can't end by itself: it says so, goes on with the others, and forgets it once an operator has mended it."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dtx.config.loader import load_system

from .saga_system import until
from .twophase_system import (
    EVERYWHERE,
    FOLDER,
    MARIADB,
    RECOVERED_WITHIN_S,
    Manager,
    TwoVendors,
    ends,
)

pytestmark = [pytest.mark.local, pytest.mark.mariadb]

ORDERS = "orders-db"


@contextmanager
def with_a_role_of_its_own(vendors: TwoVendors) -> Iterator[None]:
    """Let the manager's sessions at the orders be somebody who may do its work, and is no superuser."""
    vendors.do(
        "create role clerk",
        "grant select, insert, update, delete on all tables in schema public to clerk",
        to=ORDERS,
    )
    new_sessions = (
        f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{ORDERS}'"
    )
    vendors.do(f'alter role dtx in database "{ORDERS}" set role = clerk', new_sessions)
    try:
        yield
    finally:
        vendors.do(f'alter role dtx in database "{ORDERS}" reset role', new_sessions)
        vendors.do("drop owned by clerk", "drop role clerk", to=ORDERS)


@pytest.mark.parametrize(
    ("point", "word", "committed"),
    [("after-decision", "commit", EVERYWHERE), ("after-prepare-all", "rollback", set())],
)
def test_branch_that_another_role_prepared_is_shown_until_an_operator_has_ended_it(
    manager: Manager, vendors: TwoVendors, point: str, word: str, committed: set[str]
) -> None:
    tx = f"theirs-{word}"
    manager.crash_at(point, tx)
    with with_a_role_of_its_own(vendors):
        manager.restart()
        until(lambda: vendors.is_stuck(tx), RECOVERED_WITHIN_S, "an operator is shown it")
        assert set(vendors.prepared(tx)) == {ORDERS}, "it is ended everywhere else"
        assert vendors.effects(tx) == committed - {ORDERS}
        why = "permission denied to finish prepared transaction; Must be superuser or the user"
        assert any(why in line for line in manager.worker.story(tx)), manager.worker.story(tx)

        assert manager.place(f"next-to-{tx}", customer="dan", sku="honey")[0] == 201
        manager.worker.arm("after-decision", tx=f"other-{word}")
        assert manager.place(f"other-{word}", customer="ben", sku="figs")[0] == 0
        until(manager.worker.has_crashed, 5, "tm dies")
        manager.restart()
        ends(vendors, f"other-{word}")
        assert vendors.effects(f"other-{word}") == EVERYWHERE

        [gid] = vendors.prepared(tx)[ORDERS]
        vendors.do("set role none", f"{word} prepared '{gid}'", to=ORDERS)
        until(lambda: not vendors.is_stuck(tx), RECOVERED_WITHIN_S, "it is forgotten")
    assert vendors.effects(tx) == committed
    assert vendors.decision(tx) == ("commit" if committed else "abort", True)
    assert manager.status(tx)[1]["status"] == ("CONFIRMED" if committed else "REJECTED")
    until(manager.serves, RECOVERED_WITHIN_S, "the manager has its connections again")


def test_decided_commit_of_a_replaced_database_is_shown_until_an_operator_has_mended_it(
    manager: Manager, vendors: TwoVendors
) -> None:
    manager.crash_at("after-decision", "lost")
    rows = vendors.postgres.rows(
        "postgres", f"select gid from pg_prepared_xacts where database = '{ORDERS}'"
    )
    vendors.do(*(f"rollback prepared '{gid}'" for (gid,) in rows), to=ORDERS)
    schema = vendors.postgres.system.databases[ORDERS].schema
    assert schema is not None
    vendors.do(f'drop database "{ORDERS}" with (force)', f'create database "{ORDERS}"')
    vendors.do(schema.read_text(), to=ORDERS)
    manager.restart()

    until(lambda: vendors.is_stuck("lost"), RECOVERED_WITHIN_S, "an operator is shown it")
    assert vendors.effects("lost") == EVERYWHERE - {ORDERS}
    assert vendors.decision("lost") == ("commit", False)
    assert manager.status("lost")[1]["status"] == "CONFIRMED"
    why = "committed, but ended by somebody else at orders"
    assert any(why in line for line in manager.worker.story("lost"))
    assert manager.serves(), "the others go on"

    vendors.do(
        "begin; insert into orders (tx, customer, sku, quantity, price) values ('lost', 'ann', 'apple', 2, 150);"
        " insert into order_effects (tx, step, effect, amount) values ('lost', 'place', 'applied', 1); commit",
        to=ORDERS,
    )
    until(lambda: vendors.decision("lost") == ("commit", True), RECOVERED_WITHIN_S, "forgotten")
    assert not vendors.is_stuck("lost")


@contextmanager
def shut_down(vendors: TwoVendors) -> Iterator[Path]:
    """Give the data folder of MariaDB while its server is down; wait until it answers again."""
    server = vendors.mariadb.server
    [[folder]] = vendors.mariadb.query("select @@datadir")
    assert not server.shut_down(20).killed
    yield Path(folder)
    server.start()
    vendors.mariadb.wait_ready(30)


def test_decided_commit_of_a_mariadb_that_was_put_back_to_an_older_copy_is_shown_until_it_is_mended(
    manager: Manager, vendors: TwoVendors, tmp_path: Path
) -> None:
    assert manager.place("before", customer="dan")[0] == 201
    with shut_down(vendors) as data:
        subprocess.run(["cp", "-a", str(data), str(tmp_path / "copy")], check=True)
    until(manager.serves, RECOVERED_WITHIN_S, "the manager has its connections again")
    manager.crash_at("after-decision", "restored")
    assert set(vendors.prepared("restored")) == EVERYWHERE
    with shut_down(vendors) as data:
        shutil.rmtree(data)
        subprocess.run(["cp", "-a", str(tmp_path / "copy"), str(data)], check=True)
    manager.restart()

    assert_shown_until_it_is_mended(manager, vendors, "restored")
    assert vendors.effects("before") == EVERYWHERE


def test_decided_commit_of_a_mariadb_that_was_made_anew_is_not_forgotten_while_nobody_can_look(
    manager: Manager, vendors: TwoVendors
) -> None:
    manager.crash_at("after-decision", "anew")
    with vendors.mariadb.session() as connection, connection.cursor() as cursor:
        cursor.execute("xa recover format='SQL'")
        for *_, gid in cursor.fetchall():
            cursor.execute(f"xa rollback {gid}")  # nobody can drop a database under a branch
        cursor.execute("drop database app")
        cursor.execute("create database app")
    manager.restart()
    why = "can't be forgotten yet: payments: ProgrammingError Table 'app.payment_effects' doesn't exist"
    until(lambda: any(why in line for line in manager.worker.lines), 10, "the log says why")
    assert manager.place("meanwhile")[0] == 409
    assert any("'app.at_work' doesn't exist" in line for line in manager.worker.story("meanwhile"))
    assert vendors.decision("anew") == ("commit", False)
    vendors.mariadb.apply_schema(load_system(FOLDER).databases[MARIADB].schema)
    assert_shown_until_it_is_mended(manager, vendors, "anew")


def assert_shown_until_it_is_mended(manager: Manager, vendors: TwoVendors, tx: str) -> None:
    """Show that an operator is told of what MariaDB lost, and that nobody is once he has written it there."""
    until(lambda: vendors.is_stuck(tx), RECOVERED_WITHIN_S, "an operator is shown it")
    assert vendors.effects(tx) == EVERYWHERE - {MARIADB}
    assert vendors.decision(tx) == ("commit", False)
    assert manager.status(tx)[1]["status"] == "CONFIRMED"
    why = "committed, but ended by somebody else at payments"
    assert any(why in line for line in manager.worker.story(tx))
    assert manager.serves(), "the others go on"

    with vendors.as_worker() as session, session.cursor() as cursor:
        for statement in (
            "begin",
            "update accounts set balance = balance - 300, captured = captured + 300 where customer = 'ann'",
            f"insert into payments (tx, customer, amount) values ('{tx}', 'ann', 300)",
            f"insert into payment_effects (tx, step, effect, amount) values ('{tx}', 'capture', 'applied', 300)",
            "commit",
        ):
            cursor.execute(statement)
    until(lambda: vendors.decision(tx) == ("commit", True), RECOVERED_WITHIN_S, "forgotten")
    assert not vendors.is_stuck(tx)
