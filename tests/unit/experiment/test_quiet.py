"""Quiet is two agreeing looks with nothing open; what is late and what never ends are told apart."""

from collections.abc import Sequence
from typing import TypeVar

import pytest

from dtx.core.errors import ProvisionError
from dtx.core.history import QuietEvent
from dtx.core.observation import OutcomeRow
from dtx.experiment import quiet
from dtx.experiment.quiet import QuietWatch
from dtx.workload.generators import Transaction

T = TypeVar("T")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet, "LOOK_EVERY_S", 0.0)


class System:
    """A system whose looks are scripted; the last of each script stays."""

    def __init__(self) -> None:
        self.open: list[dict[str, int]] = [{}]
        self.effects: list[int] = [7]
        self.waiting: list[int] = [0]
        self.unknown: list[Transaction] = []
        self.answers: dict[str, OutcomeRow] = {}
        self.asked: list[str] = []
        self.errors = 0

    def watch(self, *, can_ask: bool = True) -> QuietWatch:
        return QuietWatch(
            open_counts=self._open,
            effect_count=lambda: _next(self.effects),
            in_flight=lambda: _next(self.waiting),
            ask=self._ask if can_ask else None,
            unknown=lambda: self.unknown,
        )

    def _open(self) -> dict[str, int]:
        if self.errors:
            self.errors -= 1
            raise ProvisionError("payments-db: does not answer")
        return _next(self.open)

    def _ask(self, transactions: Sequence[Transaction]) -> list[OutcomeRow]:
        self.asked += [t.tx for t in transactions]
        return [self.answers[t.tx] for t in transactions]


def _next(script: list[T]) -> T:
    return script.pop(0) if len(script) > 1 else script[0]


def ending(watch: QuietWatch, contract_s: float) -> tuple[list[tuple[str, ...]], QuietEvent]:
    *looks, last = watch.wait(contract_s)
    assert isinstance(last, QuietEvent)
    return [look for look in looks if isinstance(look, tuple)], last


def test_nothing_open_twice_is_quiet() -> None:
    looks, last = ending(System().watch(), 5)
    assert last.is_quiet
    assert looks == [()]


def test_effects_that_still_grow_are_not_quiet() -> None:
    system = System()
    system.effects = [1, 2, 3, 3]
    looks, last = ending(system.watch(), 5)
    assert last.is_quiet
    assert len(looks) == 3


def test_pending_rows_are_waited_for_and_named() -> None:
    system = System()
    system.open = [{"orders-db: pending": 2}, {"orders-db: pending": 1}, {}]
    looks, last = ending(system.watch(), 5)
    assert looks[0] == ("orders-db: pending: 2",)
    assert last.is_quiet


def test_waiting_clients_are_not_quiet() -> None:
    system = System()
    system.waiting = [3, 0]
    looks, _ = ending(system.watch(), 5)
    assert looks[0] == ("3 clients wait for an answer",)


def test_database_that_does_not_answer_is_not_quiet() -> None:
    system = System()
    system.errors = 1
    looks, last = ending(system.watch(), 5)
    assert looks[0] == ("payments-db: does not answer",)
    assert last.is_quiet


def test_what_never_ends_is_named_when_patience_is_over() -> None:
    system = System()
    system.open = [{"orders-db: pending": 1}]
    _, last = ending(system.watch(), 0.02)
    assert not last.is_quiet
    assert last.remaining == ("orders-db: pending: 1",)
    assert last.waited_s >= 0.02 * quiet.PATIENCE


def test_unknown_transaction_is_asked_for_until_its_end() -> None:
    system = System()
    system.unknown = [Transaction(tx="t1", fields={})]
    system.answers["t1"] = OutcomeRow(tx="t1", outcome="info", detail="PENDING")
    watch = system.watch()
    steps = watch.wait(5)
    assert next(steps) == ("1 transactions have not ended at their coordinator: t1",)
    system.answers["t1"] = OutcomeRow(tx="t1", outcome="ok", detail="CONFIRMED")
    assert next(steps) == ()
    assert watch.outcomes["t1"].outcome == "ok"


def test_transaction_that_its_coordinator_never_heard_of_is_at_its_end() -> None:
    system = System()
    system.unknown = [Transaction(tx="t1", fields={})]
    system.answers["t1"] = OutcomeRow(tx="t1", outcome="info", detail="HTTP 404: not here")
    _, last = ending(system.watch(), 5)
    assert last.is_quiet
    assert system.asked == ["t1"]


def test_system_that_cannot_be_asked_is_quiet_by_its_rows() -> None:
    system = System()
    system.unknown = [Transaction(tx="t1", fields={})]
    _, last = ending(system.watch(can_ask=False), 5)
    assert last.is_quiet
