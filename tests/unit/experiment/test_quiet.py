"""Quiet is two agreeing looks with nothing open; what is late and what never ends are told apart."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import pytest

from dtx.core.errors import ProvisionError
from dtx.core.history import QuietEvent
from dtx.core.observation import OutcomeRow
from dtx.experiment import quiet
from dtx.experiment.quiet import QuietWatch
from dtx.workload.generators import Transaction

T = TypeVar("T")

SECOND_NS = 1_000_000_000


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
        self.is_starved = False
        self.on_look: Callable[[], None] = lambda: None

    def watch(self, *, can_ask: bool = True) -> QuietWatch:
        return QuietWatch(
            open_counts=self._open,
            effect_count=lambda: _next(self.effects),
            in_flight=lambda: _next(self.waiting),
            ask=self._ask if can_ask else None,
            unknown=lambda: self.unknown,
            is_starved=lambda: self.is_starved,
        )

    def _open(self) -> dict[str, int]:
        self.on_look()
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


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Time that only looks make pass: a second each, by `on_look`."""
    now_ns = [0]
    with monkeypatch.context() as patch:
        patch.setattr(time, "monotonic_ns", lambda: now_ns[0])
        yield now_ns


def starved(clock: list[int], counts: Sequence[int]) -> System:
    system = System()
    system.open = [{"orders-db: pending": count} if count else {} for count in counts]
    system.is_starved = True

    def pass_a_second() -> None:
        clock[0] += SECOND_NS

    system.on_look = pass_a_second
    return system


def test_slow_finish_on_a_starved_machine_is_waited_for(clock: list[int]) -> None:
    system = starved(clock, [*range(22, -1, -1)])
    _, last = ending(system.watch(), 10)
    assert (last.is_quiet, last.waited_s, last.unchanged_s) == (True, 22.0, 0.0)


def test_machine_that_was_given_to_the_system_is_no_reason_to_wait_longer(clock: list[int]) -> None:
    system = starved(clock, [*range(22, -1, -1)])
    system.is_starved = False
    _, last = ending(system.watch(), 10)
    assert (last.is_quiet, last.waited_s) == (False, 15.0)


def test_what_is_stuck_on_a_starved_machine_is_not_waited_for_to_the_end(clock: list[int]) -> None:
    system = starved(clock, [9, 8, 7, 6, 5, 4, 3])
    _, last = ending(system.watch(), 10)
    assert (last.is_quiet, last.waited_s, last.unchanged_s) == (False, 17.0, 11.0)


def test_count_that_goes_up_and_down_is_stuck(clock: list[int]) -> None:
    system = starved(clock, [3, *(2, 3, 4) * 20])
    _, last = ending(system.watch(), 10)
    assert (last.waited_s, last.unchanged_s) == (15.0, 14.0)


def test_effects_that_still_grow_are_a_change(clock: list[int]) -> None:
    system = starved(clock, [3])
    system.effects = [*range(40)]
    _, last = ending(system.watch(), 10)
    assert (last.waited_s, last.unchanged_s) == (30.0, 0.0)


def test_patience_with_a_starved_machine_ends(clock: list[int]) -> None:
    system = starved(clock, [*range(100, 0, -1)])
    _, last = ending(system.watch(), 10)
    assert (last.is_quiet, last.waited_s, last.unchanged_s) == (False, 30.0, 0.0)
