"""The coordinator against participants and a log that do what a test says."""

import asyncio
import random
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from dtx.config.loader import load_system
from dtx.patterns.common.backoff import Backoff
from dtx.patterns.common.barrier import Answer
from dtx.patterns.saga import coordinator as coordinator_module
from dtx.patterns.saga import saga_log as saga_log_module
from dtx.patterns.saga.coordinator import ACTION_BUDGET_S, STUCK_AFTER_S, Coordinator
from dtx.patterns.saga.participants import Request
from dtx.patterns.saga.saga_log import Order, Saga, SagaLog, State
from tests.unit.patterns.instant_loop import run_instantly

ORDER = Order(tx="t1", customer="ann", sku="apple", quantity=2, price=150)
FOLDER = Path(saga_log_module.__file__).parent

DEBIT, REFUND, RESERVE, RELEASE = Request.DEBIT, Request.REFUND, Request.RESERVE, Request.RELEASE
Reply = Answer | None


class ScriptedParticipants:
    """Gives each request its replies in order, the last one for ever; remembers who was asked."""

    def __init__(self, **replies: list[Reply]) -> None:
        self._replies = {Request(name): list(values) for name, values in replies.items()}
        self.asked: list[Request] = []

    async def ask(self, request: Request, order: Order) -> Answer | None:
        await asyncio.sleep(0)
        self.asked.append(request)
        replies = self._replies[request]
        return replies.pop(0) if len(replies) > 1 else replies[0]

    @property
    def in_order(self) -> list[Request]:
        return list(dict.fromkeys(self.asked))


class TableLog:
    """A saga log as the database keeps it; `failures` are raised by the next calls, done first or not."""

    def __init__(self) -> None:
        self.sagas: dict[str, Saga] = {}
        self.states: list[State] = []
        self.stuck: list[State] = []
        self.failures: list[str] = []

    async def start(self, order: Order) -> bool:
        if order.tx in self.sagas:
            return False
        self.sagas[order.tx] = Saga(order=order, state=State.STARTED)
        return True

    async def move(self, saga: Saga, new: State, why: str) -> Saga | None:
        failure = self.failures.pop(0) if self.failures else ""
        if failure == "before":
            raise psycopg.OperationalError("no connection")
        if self.sagas[saga.tx].state is not saga.state:
            return None
        self.sagas[saga.tx] = replace(saga, state=new)
        self.states.append(new)
        if failure == "after":
            raise psycopg.OperationalError("the answer to COMMIT was lost")
        return self.sagas[saga.tx]

    async def load(self, tx: str) -> Saga | None:
        return self.sagas.get(tx)

    async def unfinished(self) -> list[Saga]:
        return [saga for saga in self.sagas.values() if not saga.is_over]

    async def mark_stuck(self, saga: Saga) -> None:
        self.stuck.append(saga.state)


def a_coordinator(log: TableLog, participants: ScriptedParticipants) -> Coordinator:
    return Coordinator(log, participants, backoff=Backoff(chance=random.Random(7)))


def ended(participants: ScriptedParticipants, log: TableLog, state: State = State.STARTED) -> Saga:
    saga = Saga(order=ORDER, state=state)
    log.sagas[ORDER.tx] = saga
    return run_instantly(a_coordinator(log, participants).run(saga))


# ---------------------------------------------------------------- the ways of a saga


@pytest.mark.parametrize(
    ("replies", "states"),
    [
        ({"debit": [Answer.DONE], "reserve": [Answer.DONE]}, ["DEBITED", "RESERVED", "CONFIRMED"]),
        ({"debit": [Answer.REFUSED]}, ["REJECTED"]),
        ({"debit": [Answer.BARRED]}, ["REJECTED"]),
        ({"debit": [None], "refund": [Answer.EMPTY]}, ["REFUNDING", "REJECTED"]),
        (
            {"debit": [Answer.DONE], "reserve": [Answer.REFUSED], "refund": [Answer.UNDONE]},
            ["DEBITED", "REFUNDING", "REJECTED"],
        ),
        (
            {
                "debit": [Answer.DONE],
                "reserve": [None],
                "release": [None, None, Answer.EMPTY],
                "refund": [None, Answer.UNDONE],
            },
            ["DEBITED", "RELEASING", "REFUNDING", "REJECTED"],
        ),
        (
            {"debit": [None, None, Answer.DONE], "reserve": [None, Answer.DONE]},
            ["DEBITED", "RESERVED", "CONFIRMED"],
        ),
    ],
)
def test_saga_goes_the_way_that_the_answers_say(
    replies: dict[str, list[Reply]], states: list[str]
) -> None:
    log, participants = TableLog(), ScriptedParticipants(**replies)
    assert ended(participants, log).state == states[-1]
    assert log.states == states


def test_compensations_are_asked_in_reverse_order_of_actions() -> None:
    participants = ScriptedParticipants(
        debit=[Answer.DONE], reserve=[None], release=[Answer.UNDONE], refund=[Answer.UNDONE]
    )
    ended(participants, TableLog())
    assert participants.in_order == [DEBIT, RESERVE, RELEASE, REFUND]


@pytest.mark.parametrize(
    ("state", "asked"),
    [
        (State.STARTED, [DEBIT, RESERVE]),
        (State.DEBITED, [RESERVE]),
        (State.RESERVED, []),
        (State.RELEASING, [RELEASE, REFUND]),
        (State.REFUNDING, [REFUND]),
        (State.REJECTED, []),
    ],
)
def test_what_follows_depends_on_the_committed_state_alone(
    state: State, asked: list[Request]
) -> None:
    participants = ScriptedParticipants(
        debit=[Answer.DONE], reserve=[Answer.DONE], release=[Answer.EMPTY], refund=[Answer.UNDONE]
    )
    assert ended(participants, TableLog(), state).is_over
    assert participants.in_order == asked


# ---------------------------------------------------------------- time


def test_action_is_asked_again_within_its_budget_and_not_after() -> None:
    async def main() -> float:
        log, loop = TableLog(), asyncio.get_running_loop()
        participants = ScriptedParticipants(debit=[None], refund=[Answer.EMPTY])
        await log.start(ORDER)
        await a_coordinator(log, participants).run(log.sagas["t1"])
        assert participants.asked.count(DEBIT) > 3
        return loop.time()

    assert run_instantly(main()) <= ACTION_BUDGET_S


def test_compensation_that_takes_long_is_shown_and_asked_on() -> None:
    log = TableLog()
    replies: list[Reply] = [*[None] * 80, Answer.UNDONE]
    participants = ScriptedParticipants(refund=replies)
    assert ended(participants, log, State.REFUNDING).state is State.REJECTED
    assert participants.asked.count(REFUND) == 81
    assert log.stuck
    assert set(log.stuck) == {State.REFUNDING}


def test_compensation_in_time_is_not_shown_to_an_operator() -> None:
    log = TableLog()
    ended(ScriptedParticipants(refund=[None, None, Answer.UNDONE]), log, State.REFUNDING)
    assert STUCK_AFTER_S > 10
    assert log.stuck == []


# ---------------------------------------------------------------- a log that fails


@pytest.mark.parametrize("failure", ["before", "after"])
def test_passing_error_of_the_log_ends_no_saga(failure: str) -> None:
    log = TableLog()
    log.failures = [failure, "", failure, failure]
    participants = ScriptedParticipants(debit=[Answer.DONE], reserve=[Answer.DONE])
    assert ended(participants, log).state is State.CONFIRMED
    assert log.states == ["DEBITED", "RESERVED", "CONFIRMED"]


def test_runner_that_lost_the_race_goes_on_from_what_is_committed() -> None:
    log = TableLog()
    participants = ScriptedParticipants(debit=[Answer.DONE], refund=[Answer.UNDONE])
    stale = Saga(order=ORDER, state=State.STARTED)
    log.sagas["t1"] = replace(stale, state=State.REFUNDING)
    assert run_instantly(a_coordinator(log, participants).run(stale)).state is State.REJECTED
    assert participants.asked == [DEBIT, REFUND]


# ---------------------------------------------------------------- placing and recovering


def test_order_placed_many_times_at_once_has_one_runner() -> None:
    async def main() -> None:
        log = TableLog()
        participants = ScriptedParticipants(debit=[None, Answer.DONE], reserve=[Answer.DONE])
        coordinator = a_coordinator(log, participants)
        sagas = await asyncio.gather(*(coordinator.place(ORDER) for _ in range(5)))
        assert {saga.state for saga in sagas} == {State.CONFIRMED}
        assert participants.asked == [DEBIT, DEBIT, RESERVE]

    run_instantly(main())


def test_client_is_told_to_ask_later_when_the_saga_takes_long() -> None:
    async def main() -> None:
        log = TableLog()
        coordinator = a_coordinator(log, ScriptedParticipants(debit=[None], refund=[None]))
        loop = asyncio.get_running_loop()
        saga = await coordinator.place(ORDER)
        assert not saga.is_over
        assert loop.time() == pytest.approx(2.0)

    run_instantly(main())


def test_saga_found_unfinished_is_taken_up_once_a_scan_sees_it() -> None:
    async def main() -> None:
        log = TableLog()
        participants = ScriptedParticipants(debit=[Answer.DONE], reserve=[Answer.DONE])
        async with a_coordinator(log, participants):
            await asyncio.sleep(5)
            await log.start(ORDER)
            await asyncio.sleep(2)
        assert log.sagas["t1"].state is State.CONFIRMED

    run_instantly(main())


# ---------------------------------------------------------------- crash points


class AgreeingDatabase:
    """Says of every statement that it touched one row."""

    async def execute(self, statement: str, parameters: object = None) -> int:
        return 1


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    points: set[str] = set()

    def note(point: str, tx: str) -> None:
        points.add(point)

    monkeypatch.setattr(coordinator_module, "crash_point", note)
    monkeypatch.setattr(saga_log_module, "crash_point", note)
    return points


def test_declared_crash_points_are_those_that_undisturbed_traffic_passes(
    passed: set[str],
) -> None:
    log = SagaLog(AgreeingDatabase())  # type: ignore[arg-type]
    for replies in (
        {"debit": [Answer.DONE], "reserve": [Answer.DONE]},
        {"debit": [Answer.REFUSED]},
        {"debit": [Answer.DONE], "reserve": [Answer.REFUSED], "refund": [Answer.UNDONE]},
    ):
        coordinator = Coordinator(log, ScriptedParticipants(**replies))  # type: ignore[arg-type]
        run_instantly(coordinator.place(ORDER))
    assert passed == set(load_system(FOLDER).workers["orders"].crash_points)
