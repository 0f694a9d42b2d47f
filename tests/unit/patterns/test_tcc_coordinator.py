"""The coordinator of try, confirm, cancel against participants and a log that do what a test says."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace

import psycopg
import pytest

from dtx.config.find import find_system
from dtx.config.loader import load_system
from dtx.config.model import Selection
from dtx.patterns.common import asking as asking_module
from dtx.patterns.common.asking import STUCK_AFTER_S, Asker
from dtx.patterns.common.backoff import Backoff
from dtx.patterns.common.barrier import Answer
from dtx.patterns.common.recovery import Recovery
from dtx.patterns.tcc import tcc_log as tcc_log_module
from dtx.patterns.tcc.coordinator import TRY_BUDGET_S, Coordinator
from dtx.patterns.tcc.definition import Branch, Outcome
from dtx.patterns.tcc.participant import EXPIRES_AFTER_S
from dtx.patterns.tcc.tcc_log import DECIDE_WITHIN_S, State, Tcc, TccLog
from tests.unit.patterns.instant_loop import run_instantly
from tests.unit.patterns.saga_fakes import Reply, ScriptedParticipants

DONE, REFUSED, UNDONE = Answer.DONE, Answer.REFUSED, Answer.UNDONE
BRANCHES = (Branch(participant="payments", body={}), Branch(participant="inventory", body={}))


class TableLog:
    """A log as the database keeps it; `failures` are raised by the next moves, done first or not."""

    def __init__(self) -> None:
        self.rows: dict[str, Tcc] = {}
        self.states: list[State] = []
        self.stuck: list[State] = []
        self.failures: list[str] = []

    async def start(self, tx: str, branches: tuple[Branch, ...]) -> bool:
        if tx in self.rows:
            return False
        self.rows[tx] = Tcc(tx=tx, state=State.TRYING, branches=branches)
        return True

    async def move(self, tcc: Tcc, new: State, why: str) -> Tcc | None:
        failure = self.failures.pop(0) if self.failures else ""
        if failure == "before":
            raise psycopg.OperationalError("no connection")
        row = self.rows[tcc.tx]
        if row.state is not tcc.state or (new is State.CONFIRMING and row.is_late):
            return None
        self.rows[tcc.tx] = replace(row, state=new)
        self.states.append(new)
        if failure == "after":
            raise psycopg.OperationalError("the answer to COMMIT was lost")
        return self.rows[tcc.tx]

    async def load(self, tx: str) -> Tcc | None:
        return self.rows.get(tx)

    async def unfinished(self) -> list[Tcc]:
        return [row for row in self.rows.values() if not row.is_over]

    async def mark_stuck(self, tcc: Tcc) -> None:
        self.stuck.append(tcc.state)


def a_log(state: State = State.TRYING, *, is_late: bool = False) -> TableLog:
    log = TableLog()
    log.rows["t1"] = Tcc(tx="t1", state=state, branches=BRANCHES, is_late=is_late)
    return log


def a_coordinator(log: TableLog, participants: ScriptedParticipants) -> Coordinator:
    backoff = Backoff(chance=random.Random(7))
    asker = Asker(participants, backoff=backoff, budget_s=TRY_BUDGET_S)
    return Coordinator(log, asker, backoff=backoff)


def trying_and_cancelling(*replies: Reply) -> ScriptedParticipants:
    tries: Sequence[Reply] = replies
    return ScriptedParticipants(**{"try": tries, "cancel": [UNDONE]})


def end_of(log: TableLog, participants: ScriptedParticipants) -> State:
    return run_instantly(a_coordinator(log, participants).run(log.rows["t1"])).state


def test_time_to_decide_lies_between_trying_and_expiry() -> None:
    assert TRY_BUDGET_S < DECIDE_WITHIN_S < EXPIRES_AFTER_S


# ---------------------------------------------------------------- the ways of a transaction


def test_what_all_have_reserved_is_confirmed_at_all() -> None:
    log = a_log()
    participants = ScriptedParticipants(**{"try": [DONE], "confirm": [DONE]})
    assert end_of(log, participants) is State.CONFIRMED
    assert log.states == [State.CONFIRMING, State.CONFIRMED]
    assert participants.asked == ["try", "try", "confirm", "confirm"]


@pytest.mark.parametrize("answer", [REFUSED, Answer.BARRED, None])
def test_what_one_does_not_reserve_is_cancelled_at_all(answer: Answer | None) -> None:
    log = a_log()
    participants = trying_and_cancelling(DONE, answer)
    assert end_of(log, participants) is State.CANCELLED
    assert log.states == [State.CANCELLING, State.CANCELLED]
    assert participants.asked[-2:] == ["cancel", "cancel"]


def test_refusal_is_not_kept_waiting_by_who_does_not_answer() -> None:
    async def main() -> float:
        log = a_log()
        participants = trying_and_cancelling(REFUSED, None)
        await a_coordinator(log, participants).run(log.rows["t1"])
        return asyncio.get_running_loop().time()

    assert run_instantly(main()) < TRY_BUDGET_S / 2


def test_what_is_reserved_too_late_is_cancelled() -> None:
    log = a_log()
    log.rows["t1"] = replace(log.rows["t1"], is_late=True)
    stale = replace(log.rows["t1"], is_late=False)
    participants = ScriptedParticipants(**{"try": [DONE], "cancel": [UNDONE]})
    assert run_instantly(a_coordinator(log, participants).run(stale)).state is State.CANCELLED
    assert log.states == [State.CANCELLING, State.CANCELLED]


def test_what_is_found_too_late_to_decide_is_cancelled_without_trying() -> None:
    log = a_log(is_late=True)
    participants = ScriptedParticipants(cancel=[UNDONE])
    assert end_of(log, participants) is State.CANCELLED


@pytest.mark.parametrize(
    ("state", "name", "end"),
    [
        (State.CONFIRMING, "confirm", State.CONFIRMED),
        (State.CANCELLING, "cancel", State.CANCELLED),
    ],
)
def test_decided_is_carried_out_for_ever_however_late(state: State, name: str, end: State) -> None:
    log = a_log(state, is_late=True)
    replies: list[Reply] = [*[None] * 200, DONE]
    participants = ScriptedParticipants(**{name: replies})
    assert end_of(log, participants) is end
    assert set(participants.asked) == {name}
    assert state in log.stuck, f"an operator sees it after {STUCK_AFTER_S} s"


def test_confirm_that_is_refused_is_shown_to_an_operator_and_asked_again() -> None:
    log = a_log(State.CONFIRMING)
    participants = ScriptedParticipants(confirm=[REFUSED, DONE])
    assert end_of(log, participants) is State.CONFIRMED
    assert log.stuck == [State.CONFIRMING]
    assert len(participants.asked) == 3


@pytest.mark.parametrize("failure", ["before", "after"])
def test_passing_error_of_the_log_changes_no_outcome(failure: str) -> None:
    log = a_log()
    log.failures = [failure, "", failure, failure]
    participants = ScriptedParticipants(**{"try": [DONE], "confirm": [DONE]})
    assert end_of(log, participants) is State.CONFIRMED
    assert log.states == [State.CONFIRMING, State.CONFIRMED]


# ---------------------------------------------------------------- who asks, and who recovers


@pytest.mark.parametrize(
    ("state", "is_late", "outcome", "then"),
    [
        (State.TRYING, False, Outcome.UNDECIDED, State.TRYING),
        (State.TRYING, True, Outcome.CANCEL, State.CANCELLING),
        (State.CONFIRMING, True, Outcome.CONFIRM, State.CONFIRMING),
        (State.CONFIRMED, True, Outcome.CONFIRM, State.CONFIRMED),
        (State.CANCELLING, False, Outcome.CANCEL, State.CANCELLING),
        (State.CANCELLED, True, Outcome.CANCEL, State.CANCELLED),
    ],
)
def test_inquiry_is_answered_from_the_log_and_presumes_cancel_only_when_late(
    state: State, is_late: bool, outcome: Outcome, then: State
) -> None:
    log = a_log(state, is_late=is_late)
    assert run_instantly(a_coordinator(log, ScriptedParticipants()).outcome("t1")) is outcome
    assert log.rows["t1"].state is then


def test_inquiry_after_what_nobody_placed_is_a_cancel() -> None:
    asked = a_coordinator(TableLog(), ScriptedParticipants()).outcome("t9")
    assert run_instantly(asked) is Outcome.CANCEL


def test_runner_that_lost_to_an_inquiry_cancels() -> None:
    log = a_log(State.CANCELLING, is_late=True)
    stale = replace(log.rows["t1"], state=State.TRYING, is_late=False)
    participants = ScriptedParticipants(**{"try": [DONE], "cancel": [UNDONE]})
    assert run_instantly(a_coordinator(log, participants).run(stale)).state is State.CANCELLED


def test_client_is_told_what_is_decided_when_carrying_it_out_takes_long() -> None:
    async def main() -> Tcc:
        log = TableLog()
        never: Sequence[Reply] = [None]
        participants = ScriptedParticipants(**{"try": [DONE, DONE], "confirm": never})
        async with a_coordinator(log, participants) as coordinator:
            return await coordinator.place("t1", BRANCHES, "something")

    assert run_instantly(main()).state is State.CONFIRMING


def test_transaction_placed_many_times_at_once_is_tried_once() -> None:
    async def main() -> None:
        participants = ScriptedParticipants(**{"try": [DONE], "confirm": [DONE]})
        coordinator = a_coordinator(TableLog(), participants)
        placed = (coordinator.place("t1", BRANCHES, "something") for _ in range(5))
        assert {tcc.state for tcc in await asyncio.gather(*placed)} == {State.CONFIRMED}
        assert participants.asked == ["try", "try", "confirm", "confirm"]

    run_instantly(main())


def test_unfinished_is_taken_up_by_recovery() -> None:
    async def main() -> State:
        log = a_log(State.CONFIRMING)
        coordinator = a_coordinator(log, ScriptedParticipants(confirm=[DONE]))
        async with coordinator, Recovery(coordinator):
            await asyncio.sleep(2)
        return log.rows["t1"].state

    assert run_instantly(main()) is State.CONFIRMED


# ---------------------------------------------------------------- crash points


class AgreeingDatabase:
    """Says of every statement that it touched one row."""

    async def execute(self, statement: str, parameters: object = None) -> int:
        return 1


@pytest.mark.parametrize(("workload", "worker"), [("order", "checkout"), ("transfer", "transfers")])
def test_declared_crash_points_are_those_that_undisturbed_traffic_passes(
    monkeypatch: pytest.MonkeyPatch, workload: str, worker: str
) -> None:
    passed: set[str] = set()

    def note(point: str, tx: str) -> None:
        passed.add(point)

    monkeypatch.setattr(asking_module, "crash_point", note)
    monkeypatch.setattr(tcc_log_module, "crash_point", note)
    log = TccLog(AgreeingDatabase())  # type: ignore[arg-type]
    for replies in ({"try": [DONE], "confirm": [DONE]}, {"try": [REFUSED], "cancel": [UNDONE]}):
        coordinator = Coordinator(log, Asker(ScriptedParticipants(**replies)))
        run_instantly(coordinator.place("t1", BRANCHES, "something"))
    system = load_system(find_system("tcc"), Selection(workload=workload))
    assert passed == set(system.workers[worker].crash_points)
