"""The coordinator against participants and a log that do what a test says."""

import asyncio
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dtx.config.loader import load_system
from dtx.config.model import Selection
from dtx.patterns.common import asking as asking_module
from dtx.patterns.common.asking import ACTION_BUDGET_S, STUCK_AFTER_S, Asker
from dtx.patterns.common.backoff import Backoff
from dtx.patterns.common.barrier import Answer
from dtx.patterns.common.recovery import Recovery
from dtx.patterns.saga import saga_log as saga_log_module
from dtx.patterns.saga.coordinator import MOVES_AT_ONCE, Coordinator
from dtx.patterns.saga.credit_orders import CREDIT_SAGA, CreditOrder
from dtx.patterns.saga.definition import STARTED, SagaData, SagaDefinition, State
from dtx.patterns.saga.order_saga import ORDER_SAGA, Order
from dtx.patterns.saga.saga_log import Saga, SagaLog
from dtx.patterns.saga.transfers import TRANSFER_SAGA, Transfer
from tests.unit.patterns.instant_loop import run_instantly
from tests.unit.patterns.saga_fakes import ORDER, Reply, ScriptedParticipants, TableLog

FOLDER = Path(saga_log_module.__file__).parent


def a_coordinator(log: TableLog[Order], participants: ScriptedParticipants) -> Coordinator[Order]:
    backoff = Backoff(chance=random.Random(7))
    asker = Asker(participants, backoff=backoff)
    return Coordinator(ORDER_SAGA, log, asker, backoff=backoff)


def end_of(
    participants: ScriptedParticipants, log: TableLog[Order], state: State = STARTED
) -> State:
    saga = Saga(data=ORDER, state=state)
    log.sagas[ORDER.tx] = saga
    return run_instantly(a_coordinator(log, participants).run(saga)).state


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
    log, participants = TableLog(ORDER_SAGA), ScriptedParticipants(**replies)
    assert end_of(participants, log) == states[-1]
    assert log.states == states


def test_compensations_are_asked_in_reverse_order_of_actions() -> None:
    participants = ScriptedParticipants(
        debit=[Answer.DONE], reserve=[None], release=[Answer.UNDONE], refund=[Answer.UNDONE]
    )
    end_of(participants, TableLog(ORDER_SAGA))
    assert participants.in_order == ["debit", "reserve", "release", "refund"]


@pytest.mark.parametrize(
    ("state", "asked"),
    [
        (STARTED, ["debit", "reserve"]),
        ("DEBITED", ["reserve"]),
        ("RESERVED", []),
        ("RELEASING", ["release", "refund"]),
        ("REFUNDING", ["refund"]),
        ("REJECTED", []),
    ],
)
def test_what_follows_depends_on_the_committed_state_alone(state: State, asked: list[str]) -> None:
    participants = ScriptedParticipants(
        debit=[Answer.DONE], reserve=[Answer.DONE], release=[Answer.EMPTY], refund=[Answer.UNDONE]
    )
    assert ORDER_SAGA.is_over(end_of(participants, TableLog(ORDER_SAGA), state))
    assert participants.in_order == asked


# ---------------------------------------------------------------- time


def test_action_is_asked_again_within_its_budget_and_not_after() -> None:
    async def main() -> float:
        log, loop = TableLog(ORDER_SAGA), asyncio.get_running_loop()
        participants = ScriptedParticipants(debit=[None], refund=[Answer.EMPTY])
        await log.start(ORDER)
        await a_coordinator(log, participants).run(log.sagas["t1"])
        assert participants.asked.count("debit") > 3
        return loop.time()

    assert run_instantly(main()) <= ACTION_BUDGET_S


def test_compensation_that_takes_long_is_shown_and_asked_on() -> None:
    log = TableLog(ORDER_SAGA)
    replies: list[Reply] = [*[None] * 80, Answer.UNDONE]
    participants = ScriptedParticipants(refund=replies)
    assert end_of(participants, log, "REFUNDING") == "REJECTED"
    assert participants.asked.count("refund") == 81
    assert log.stuck
    assert set(log.stuck) == {"REFUNDING"}


def test_compensation_in_time_is_not_shown_to_an_operator() -> None:
    log = TableLog(ORDER_SAGA)
    end_of(ScriptedParticipants(refund=[None, None, Answer.UNDONE]), log, "REFUNDING")
    assert STUCK_AFTER_S > 10
    assert log.stuck == []


# ---------------------------------------------------------------- a log that fails


@pytest.mark.parametrize("failure", ["before", "after"])
def test_passing_error_of_the_log_ends_no_saga(failure: str) -> None:
    log = TableLog(ORDER_SAGA)
    log.failures = [failure, "", failure, failure]
    participants = ScriptedParticipants(debit=[Answer.DONE], reserve=[Answer.DONE])
    assert end_of(participants, log) == "CONFIRMED"
    assert log.states == ["DEBITED", "RESERVED", "CONFIRMED"]


def test_runner_that_lost_the_race_goes_on_from_what_is_committed() -> None:
    log = TableLog(ORDER_SAGA)
    participants = ScriptedParticipants(debit=[Answer.DONE], refund=[Answer.UNDONE])
    stale = Saga(data=ORDER, state=STARTED)
    log.sagas["t1"] = replace(stale, state="REFUNDING")
    assert run_instantly(a_coordinator(log, participants).run(stale)).state == "REJECTED"
    assert participants.asked == ["debit", "refund"]


# ---------------------------------------------------------------- placing and recovering


def test_many_sagas_stand_in_line_to_be_moved_and_none_gives_up() -> None:
    class CrowdedLog(TableLog[Order]):
        """Takes 0.1 s for a move, and counts how many are under way."""

        inside = 0
        most = 0

        async def move(self, saga: Saga[Order], new: State, why: str) -> Saga[Order] | None:
            self.inside += 1
            self.most = max(self.most, self.inside)
            try:
                await asyncio.sleep(0.1)
                return await super().move(saga, new, why)
            finally:
                self.inside -= 1

    log = CrowdedLog(ORDER_SAGA)
    coordinator = a_coordinator(log, ScriptedParticipants(debit=[Answer.REFUSED]))

    async def main() -> set[State]:
        sagas = [
            Saga(data=msgspec.structs.replace(ORDER, tx=f"t{n}"), state=STARTED) for n in range(200)
        ]
        log.sagas = {saga.tx: saga for saga in sagas}
        return {saga.state for saga in await asyncio.gather(*map(coordinator.run, sagas))}

    assert run_instantly(main()) == {"REJECTED"}
    assert log.most == MOVES_AT_ONCE


def test_order_placed_many_times_at_once_has_one_runner() -> None:
    async def main() -> None:
        log = TableLog(ORDER_SAGA)
        participants = ScriptedParticipants(debit=[None, Answer.DONE], reserve=[Answer.DONE])
        coordinator = a_coordinator(log, participants)
        sagas = await asyncio.gather(*(coordinator.place(ORDER) for _ in range(5)))
        assert {saga.state for saga in sagas} == {"CONFIRMED"}
        assert participants.asked == ["debit", "debit", "reserve"]

    run_instantly(main())


def test_client_is_told_to_ask_later_when_the_saga_takes_long() -> None:
    async def main() -> None:
        log = TableLog(ORDER_SAGA)
        coordinator = a_coordinator(log, ScriptedParticipants(debit=[None], refund=[None]))
        loop = asyncio.get_running_loop()
        saga = await coordinator.place(ORDER)
        assert saga.state == STARTED
        assert loop.time() == pytest.approx(2.0)

    run_instantly(main())


def test_saga_found_unfinished_is_taken_up_once_a_scan_sees_it() -> None:
    async def main() -> None:
        log = TableLog(ORDER_SAGA)
        participants = ScriptedParticipants(debit=[Answer.DONE], reserve=[Answer.DONE])
        coordinator = a_coordinator(log, participants)
        async with coordinator, Recovery(coordinator):
            await asyncio.sleep(5)
            await log.start(ORDER)
            await asyncio.sleep(2)
        assert log.sagas["t1"].state == "CONFIRMED"

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

    monkeypatch.setattr(asking_module, "crash_point", note)
    monkeypatch.setattr(saga_log_module, "crash_point", note)
    return points


DONE, REFUSED, UNDONE = Answer.DONE, Answer.REFUSED, Answer.UNDONE
CREDIT_ORDER = CreditOrder(tx="t1", customer="ann", total=300)
TRANSFER = Transfer(
    tx="t1", from_bank="bank-a", payer="ann", to_bank="bank-b", payee="ben", amount=300
)
WAYS: list[tuple[str, str, SagaDefinition[Any], SagaData, list[dict[str, list[Reply]]]]] = [
    (
        "order", "orders", ORDER_SAGA, ORDER, [
            {"debit": [DONE], "reserve": [DONE]},
            {"debit": [REFUSED]},
            {"debit": [DONE], "reserve": [REFUSED], "refund": [UNDONE]},
        ],
    ),
    ("credit", "orders", CREDIT_SAGA, CREDIT_ORDER, [{"reserve": [DONE]}, {"reserve": [REFUSED]}]),
    (
        "transfer", "transfers", TRANSFER_SAGA, TRANSFER, [
            {"withdraw": [DONE], "deposit": [DONE]},
            {"withdraw": [REFUSED]},
            {"withdraw": [DONE], "deposit": [REFUSED], "return": [UNDONE]},
        ],
    ),
]  # fmt: skip
"""Workload, its coordinator, what it runs, and how sagas go when nothing is hurt."""


@pytest.mark.parametrize(("workload", "worker", "definition", "data", "ways"), WAYS)
def test_declared_crash_points_are_those_that_undisturbed_traffic_passes(
    passed: set[str],
    workload: str,
    worker: str,
    definition: SagaDefinition[Any],
    data: SagaData,
    ways: list[dict[str, list[Reply]]],
) -> None:
    log: SagaLog[Any] = SagaLog(definition, AgreeingDatabase())  # type: ignore[arg-type]
    for replies in ways:
        asker = Asker(ScriptedParticipants(**replies))
        run_instantly(Coordinator(definition, log, asker).place(data))
    declared = load_system(FOLDER, Selection(workload=workload)).workers[worker].crash_points
    assert passed == set(declared)


# ---------------------------------------------------------------- other kinds of sagas


def test_action_that_cannot_be_taken_back_is_asked_for_until_it_is_answered() -> None:
    replies: list[Reply] = [*[None] * 80, DONE]
    participants = ScriptedParticipants(withdraw=[DONE], deposit=replies)
    log: TableLog[Transfer] = TableLog(TRANSFER_SAGA)
    saga = Saga(data=TRANSFER, state=STARTED)
    log.sagas["t1"] = saga
    coordinator = Coordinator(TRANSFER_SAGA, log, Asker(participants))
    assert run_instantly(coordinator.run(saga)).state == "COMPLETED"
    assert participants.asked.count("deposit") == 81
    assert set(log.stuck) == {"WITHDRAWN"}


@pytest.mark.parametrize(
    ("replies", "states"),
    [
        ({"reserve": [DONE]}, ["RESERVED", "APPROVED"]),
        ({"reserve": [REFUSED]}, ["REJECTED"]),
        ({"reserve": [None], "release": [None, Answer.EMPTY]}, ["RELEASING", "REJECTED"]),
    ],
)
def test_saga_of_one_step_ends(replies: dict[str, list[Reply]], states: list[str]) -> None:
    async def main() -> None:
        log: TableLog[CreditOrder] = TableLog(CREDIT_SAGA)
        asker = Asker(ScriptedParticipants(**replies))
        coordinator = Coordinator(CREDIT_SAGA, log, asker)
        begun = asyncio.get_running_loop().time()
        await coordinator.place(CREDIT_ORDER, answer_within_s=0.0)
        assert asyncio.get_running_loop().time() == begun, "its client waits for nobody"
        assert (await coordinator.run(log.sagas["t1"])).state == states[-1]
        assert log.states == states

    run_instantly(main())
