"""Servers that are not as two-phase commit needs them: a clear No, or a state that an operator sees."""

from itertools import count

import psycopg
import pytest

from .saga_system import until
from .twophase_system import EVERYWHERE, RECOVERED_WITHIN_S, Manager, TwoVendors, ends

pytestmark = [pytest.mark.local, pytest.mark.mariadb]

SLOTS = 100
_numbers = count(1)


def set_slots(vendors: TwoVendors, slots: int) -> None:
    """Restart PostgreSQL with room for so many prepared transactions."""
    vendors.do(f"alter system set max_prepared_transactions = {slots}")
    vendors.postgres.server.shut_down(10)
    vendors.postgres.server.start()
    until(vendors.postgres.answers, 20, vendors.postgres.server.last_output())


def is_voted_on(manager: Manager) -> bool:
    """Whether an order comes as far as its votes, which are No."""
    tx = f"votes-{next(_numbers)}"
    manager.place(tx)
    return any("prepared transactions are disabled" in line for line in manager.worker.story(tx))


def refused_for(manager: Manager, vendors: TwoVendors, tx: str, why: str) -> None:
    # After a restart of the log's server it may be 503 at first; asking again is safe.
    until(lambda: manager.place(tx)[0] != 503, RECOVERED_WITHIN_S, "the log can be used")
    status, answer = manager.place(tx)
    told = (status, answer.get("status"))
    assert told == (409, "REJECTED"), (answer, manager.worker.story(tx))
    assert any(why in line for line in manager.worker.story(tx)), manager.worker.story(tx)
    ends(vendors, tx)
    assert not vendors.effects(tx)


def test_server_that_may_not_prepare_votes_no_and_says_what_to_set(
    manager: Manager, vendors: TwoVendors
) -> None:
    set_slots(vendors, 0)
    try:
        until(
            lambda: is_voted_on(manager),
            RECOVERED_WITHIN_S,
            "the manager has its connections again",
        )
        refused_for(manager, vendors, "no-slots", 'Set "max_prepared_transactions" to a nonzero')
    finally:
        set_slots(vendors, SLOTS)
    until(manager.serves, RECOVERED_WITHIN_S, "orders are confirmed again")


@pytest.mark.parametrize("free", [0, 1, 2])
def test_server_without_a_free_slot_votes_no_and_nobody_waits_for_one(
    manager: Manager, vendors: TwoVendors, free: int
) -> None:
    # What the restart of the server left in doubt has a slot until recovery has ended it.
    prepared = "select 1 from pg_prepared_xacts"
    until(lambda: not vendors.postgres.rows("postgres", prepared), RECOVERED_WITHIN_S, "no branch")
    gids = [f"batch-{free}-{number}" for number in range(SLOTS - free)]
    with psycopg.connect(vendors.postgres.url("postgres"), autocommit=True) as connection:
        for gid in gids:
            connection.execute(b"begin; select pg_current_xact_id()")
            connection.execute(f"prepare transaction '{gid}'".encode())
    try:
        why = "maximum number of prepared transactions reached"
        refused_for(manager, vendors, f"full-{free}", why)
    finally:
        vendors.do(*(f"rollback prepared '{gid}'" for gid in gids))
    assert manager.serves()
    assert manager.status(f"full-{free}")[1]["status"] == "REJECTED"


def test_strangers_branches_are_left_alone_and_keep_no_other_from_its_end(
    manager: Manager, vendors: TwoVendors
) -> None:
    other_group = "bank:theirs:1.0000000a"
    in_postgres = ["stranger", "shop", "shop:x", f"{other_group}:orders", "a:b:c:d:e"]
    for gid in in_postgres:
        vendors.do(
            f"begin; insert into address_changes values ('{gid}', 'ann', 'here');"
            f" prepare transaction '{gid}'",
            to="orders-db",
        )
    in_mariadb = ["X'ff00fe',X'80',7", "'stranger'", "'shop:x','payments',1"]
    in_mariadb.append(f"X'{other_group.encode().hex()}',X'{b'payments.0a'.hex()}'")
    # Named as ours are, in another format: another product's.
    in_mariadb.append(f"X'{b'shop:alike:1.0000000a'.hex()}',X'{b'payments.0a'.hex()}',7")
    for number, gid in enumerate(in_mariadb):
        with vendors.as_worker() as session, session.cursor() as cursor:
            cursor.execute(f"xa start {gid}")
            cursor.execute(
                f"insert into payments (tx, customer, amount) values ('s{number}', 'ann', 1)"
            )
            cursor.execute(f"xa end {gid}")
            cursor.execute(f"xa prepare {gid}")
    try:
        manager.crash_at("after-decision", "ours")
        manager.restart()
        until(
            lambda: vendors.decision("ours") == ("commit", True), RECOVERED_WITHIN_S, "it is ended"
        )
        assert vendors.effects("ours") == EVERYWHERE
        manager.crash_at("after-prepare-all", "undecided")
        manager.restart()
        ends(vendors, "undecided")
        rows = vendors.postgres.rows("orders-db", "select gid from pg_prepared_xacts")
        assert {gid for (gid,) in rows} == set(in_postgres)
        with vendors.as_worker() as session, session.cursor() as cursor:
            cursor.execute("xa recover")
            assert len(cursor.fetchall()) == len(in_mariadb)
    finally:
        vendors.do(*(f"rollback prepared '{gid}'" for gid in in_postgres), to="orders-db")
        with vendors.as_worker() as session, session.cursor() as cursor:
            for gid in in_mariadb:
                cursor.execute(f"xa rollback {gid}")
