"""What broken coordinators say of their mistake, in the story of the transaction that suffers from it."""

from collections.abc import Coroutine

import psycopg
import pytest

from dtx.patterns.common.asking import Asker
from dtx.patterns.common.barrier import Answer
from dtx.patterns.common.database import Database
from dtx.patterns.saga.coordinator import Coordinator
from dtx.patterns.saga.order_saga import ORDER_SAGA, Order
from dtx.patterns.saga.saga_log import Saga
from dtx.patterns.saga.variants.orders_recovery_ends import FragileRecovery
from dtx.patterns.saga.variants.orders_two_coordinators import LEASE_S, Lease, LeasedCoordinator
from dtx.patterns.saga.variants.orders_two_recoverers import HastyCoordinator
from tests.unit.patterns.instant_loop import run_instantly
from tests.unit.patterns.saga_fakes import ORDER, ScriptedParticipants, TableLog

DEBITED = Saga(data=ORDER, state="DEBITED")
NOWHERE = Database("postgresql://nobody@127.0.0.1:1/nothing")


class FailingLog(TableLog[Order]):
    """Has a saga that somebody left behind, and can't be read at first."""

    def __init__(self, *, failing_reads: int = 0) -> None:
        super().__init__(ORDER_SAGA)
        self.sagas[ORDER.tx] = DEBITED
        self._failing_reads = failing_reads

    async def unfinished(self) -> list[Saga[Order]]:
        if self._failing_reads:
            self._failing_reads -= 1
            raise psycopg.OperationalError("no connection")
        return await super().unfinished()


def an_asker() -> Asker:
    return Asker(ScriptedParticipants(reserve=[Answer.DONE]))


def said(main: Coroutine[None, None, object], capsys: pytest.CaptureFixture[str]) -> list[str]:
    run_instantly(main)
    return capsys.readouterr().out.splitlines()


def test_recovery_that_ended_says_whom_it_left(capsys: pytest.CaptureFixture[str]) -> None:
    log = FailingLog(failing_reads=3)
    recovery = FragileRecovery(Coordinator(ORDER_SAGA, log, an_asker()), log)
    assert said(recovery.run(), capsys) == [
        "tx=t1 left in state DEBITED: recovery met one OperationalError and ended; nobody takes it up"
    ]
    assert log.sagas[ORDER.tx].state == "DEBITED"


def test_hasty_recoverer_says_that_it_asked_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    coordinator = HastyCoordinator(FailingLog(), an_asker())
    [first, *_] = said(coordinator.recover(), capsys)
    assert first == (
        "tx=t1 over 2.5 s old and not ended: taken for abandoned, without asking who runs it"
    )


class HeldLease(Lease):
    """Renewed so many seconds ago."""

    def __init__(self, *, age_s: float, is_standby: bool) -> None:
        super().__init__(NOWHERE, me="orders", is_standby=is_standby)
        self._age_s = age_s

    @property
    def age_s(self) -> float:
        return self._age_s


def leased(log: TableLog[Order], lease: Lease) -> LeasedCoordinator:
    return LeasedCoordinator(log, an_asker(), lease)


def test_leader_that_was_stopped_says_that_it_goes_on_without_its_lease(
    capsys: pytest.CaptureFixture[str],
) -> None:
    coordinator = leased(FailingLog(), HeldLease(age_s=3.4, is_standby=False))
    [line] = said(coordinator.move(DEBITED, "RESERVED", "inventory did it"), capsys)
    assert line == "tx=t1 set to RESERVED on a lease of 2.5 s that was last renewed 3.4 s ago"


def test_leader_with_a_fresh_lease_has_nothing_to_say(capsys: pytest.CaptureFixture[str]) -> None:
    coordinator = leased(FailingLog(), HeldLease(age_s=LEASE_S, is_standby=False))
    assert said(coordinator.move(DEBITED, "RESERVED", "inventory did it"), capsys) == []


@pytest.mark.parametrize("is_standby", [True, False])
def test_standby_says_that_it_takes_over_and_the_leader_does_not(
    capsys: pytest.CaptureFixture[str], *, is_standby: bool
) -> None:
    coordinator = leased(FailingLog(), HeldLease(age_s=0, is_standby=is_standby))
    lines = said(coordinator.recover(), capsys)
    takes_over = "tx=t1 the other's lease ran out and is taken over; the other is not fenced"
    assert (takes_over in lines) is is_standby
