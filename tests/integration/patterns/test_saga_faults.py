"""The saga on hurt links, and its broken variants: what each does that the reference does not."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from dtx.targets.loopback import free_port
from tests.integration.patterns.saga_system import Databases, Saga, running_saga, until
from tests.integration.patterns.tcp_link import Mode, TcpLink, tcp_link

pytestmark = pytest.mark.local

CONFIRMED = [("debit", "applied", 300), ("reserve", "applied", 2), ("confirm", "applied", 1)]
REFUNDED = [("debit", "applied", 300), ("debit", "undone", 300)]


@contextmanager
def with_link_to_payments(
    databases: Databases, folder: Path, variant: str | None = None
) -> Iterator[tuple[Saga, TcpLink]]:
    with ExitStack() as stack:
        port = free_port()
        link = stack.enter_context(tcp_link(port))
        via = {"payments": f"http://127.0.0.1:{link.port}"}
        saga = stack.enter_context(
            running_saga(databases, folder, variant=variant, via=via, ports={"payments": port})
        )
        yield saga, link


def test_reference_confirms_once_when_a_reply_of_debit_was_lost(
    databases: Databases, tmp_path: Path
) -> None:
    with with_link_to_payments(databases, tmp_path) as (saga, link):
        link.set(Mode.LOSE_REPLIES)
        assert saga.place("lost-1")[0] == 202
        link.set(Mode.PASS)
        assert (saga.wait_ended("lost-1"), saga.effects("lost-1")) == ("CONFIRMED", CONFIRMED)
        assert len([line for line in saga.payments.story("lost-1") if "done" in line]) >= 2

        # Lost for longer than the budget of the action: taken as unknown, and compensated.
        link.set(Mode.LOSE_REPLIES)
        assert saga.place("lost-2")[0] == 202
        until(lambda: "REFUNDING" in saga.log("lost-2"), 6, "the budget is spent")
        link.set(Mode.PASS)
        assert (saga.wait_ended("lost-2"), saga.effects("lost-2")) == ("REJECTED", REFUNDED)

        # Nothing arrives before the budget is spent; at heal everything does, in whatever order.
        link.set(Mode.SILENT)
        assert saga.place("silent-1")[0] == 202
        until(lambda: "REFUNDING" in saga.log("silent-1"), 6, "the budget is spent")
        link.set(Mode.PASS)
        assert saga.wait_ended("silent-1") == "REJECTED"
        until(lambda: len(saga.payments.story("silent-1")) >= 3, 5, "the late requests arrive")
        assert saga.effects("silent-1") in ([], REFUNDED)


def test_reference_goes_on_when_the_link_to_a_database_was_silent(
    databases: Databases, tmp_path: Path
) -> None:
    port = databases.server.address.port
    with tcp_link(port) as orders_link, tcp_link(port) as payments_link:
        via = {
            f"{name}-db": databases.url(f"{name}-db").replace(f":{port}/", f":{link.port}/")
            for name, link in {"orders": orders_link, "payments": payments_link}.items()
        }
        with running_saga(databases, tmp_path, via=via) as saga:
            assert saga.place("db-0")[0] == 201
            payments_link.set(Mode.SILENT)
            assert saga.place("db-1")[0] == 202
            until(lambda: "REFUNDING" in saga.log("db-1"), 30, "the budget is spent")
            told = "tx=db-1 debit answered 503: "
            until(lambda: any(told in line for line in saga.payments.lines), 30, "a 503 is told")
            payments_link.set(Mode.PASS)
            assert saga.wait_ended("db-1", 5) == "REJECTED"
            until(lambda: saga.place("db-2")[0] == 201, 3, "orders are taken again")

            orders_link.set(Mode.SILENT)
            assert saga.place("db-3")[0] in {503, 202}
            orders_link.set(Mode.PASS)
            until(lambda: saga.place("db-4")[0] == 201, 3, "orders are taken again")
            if saga.status("db-3") != "UNKNOWN":
                assert (saga.wait_ended("db-3"), saga.effects("db-3")) == ("CONFIRMED", CONFIRMED)


def test_variant_not_idempotent_takes_the_money_again_when_a_reply_was_lost(
    databases: Databases, tmp_path: Path
) -> None:
    with with_link_to_payments(databases, tmp_path, "not-idempotent") as (saga, link):
        assert saga.place("twice-0")[0] == 201
        assert saga.effects("twice-0") == CONFIRMED
        link.set(Mode.LOSE_REPLIES)
        assert saga.place("twice-1")[0] == 202
        link.set(Mode.PASS)
        assert saga.wait_ended("twice-1") == "CONFIRMED"
        assert saga.effects("twice-1").count(("debit", "applied", 300)) >= 2


def test_variant_lost_reply_as_failure_rejects_without_refund(
    databases: Databases, tmp_path: Path
) -> None:
    with with_link_to_payments(databases, tmp_path, "lost-reply-as-failure") as (saga, link):
        assert saga.place("hasty-0")[0] == 201
        link.set(Mode.LOSE_REPLIES)
        assert saga.place("hasty-1")[0] == 409
        link.set(Mode.PASS)
        assert saga.status("hasty-1") == "REJECTED"
        assert saga.effects("hasty-1") == [("debit", "applied", 300)]


def test_variant_log_not_persisted_forgets_a_debited_order_in_a_crash(
    databases: Databases, tmp_path: Path
) -> None:
    with running_saga(databases, tmp_path, variant="log-not-persisted") as saga:
        assert saga.place("forgot-0")[0] == 201
        saga.orders.arm("before-log-debited")
        assert saga.place("forgot-1")[0] == 0
        until(saga.orders.has_crashed, 5, "orders dies")
        saga.orders.start()
        saga.orders.wait_ready()
        assert saga.place("forgot-2")[0] == 201
        with pytest.raises(AssertionError, match="not within"):
            saga.wait_ended("forgot-1", 2.5)
        assert saga.effects("forgot-1") == [("debit", "applied", 300)]
