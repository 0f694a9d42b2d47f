"""A correct run with one planted violation is convicted by exactly the checker that names it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtx.config.model import Isolation
from dtx.core.history import Completed, Outcome, ProcessChange
from dtx.core.observation import Effect, ResidueRow
from dtx.core.schedule import Proof
from dtx.core.verdict import Status
from dtx.verify.registry import CHECKERS
from tests.support.histories import (
    CRASHED_NODE,
    ENDED_SESSIONS,
    INVENTORY,
    KILLED_NODE,
    LINK_EVIDENCE,
    LOCKED_NODE,
    MONEY,
    PAUSED_NODE,
    PAYMENTS,
    POWERLESS_NODE,
    RESTARTED_NODE,
    STEPS,
    STOCK,
    RunBuilder,
    check_of,
    make_reader,
    mono,
    wall,
)

KINDS = ("commit", "commit-unknown", "refuse", "refuse-unknown", "refuse-at-once", "lose", "open")
FAULTS = {
    **{proof: {"links": [link]} for proof, link in LINK_EVIDENCE.items()},
    Proof.DEATH: {"nodes": [KILLED_NODE]},
    Proof.CRASH: {"nodes": [CRASHED_NODE]},
    Proof.POWER_LOSS: {"nodes": [POWERLESS_NODE]},
    Proof.RESTART: {"nodes": [RESTARTED_NODE]},
    Proof.PAUSE: {"nodes": [PAUSED_NODE]},
    Proof.SESSIONS: {"nodes": [ENDED_SESSIONS]},
    Proof.LOCKS: {"nodes": [LOCKED_NODE]},
}


@dataclass(frozen=True)
class Case:
    """A correct run and the number that decides where a violation is planted."""

    run: RunBuilder
    pick: int

    def victim(self) -> str:
        """Return a fresh transaction's id; its place in the run is random."""
        return f"v{self.pick:04d}"

    def at_s(self) -> float:
        """Return when it is submitted."""
        return 0.5 + self.pick / 100


@st.composite
def cases(draw: st.DrawFn) -> Case:
    run = RunBuilder()
    run.commit("t0000", 0.1)
    for index, kind in enumerate(draw(st.lists(st.sampled_from(KINDS), max_size=12))):
        _add(run, f"t{index + 1:04d}", kind, draw(st.integers(-150, 900)) / 100)
    for index, proof in enumerate(draw(st.lists(st.sampled_from(list(Proof)), max_size=3))):
        run.fault(proof, 1.0 + index, 1.5 + index, **FAULTS[proof])  # type: ignore[arg-type]
    moments = draw(st.lists(st.integers(-100, 1100), max_size=6, unique=True))
    _listen(run, sorted({0.65, *(moment / 100 for moment in moments)}))
    order = draw(st.randoms(use_true_random=False))
    order.shuffle(run.effects)
    return Case(run=run, pick=draw(st.integers(0, 800)))


def _add(run: RunBuilder, tx: str, kind: str, at_s: float) -> None:
    match kind:
        case "commit" | "commit-unknown":
            run.commit(tx, at_s, outcome=Outcome.OK if kind == "commit" else Outcome.INFO)
        case "refuse" | "refuse-unknown":
            run.refuse(tx, at_s, outcome=Outcome.FAIL if kind == "refuse" else Outcome.INFO)
        case "refuse-at-once":
            run.submit(tx, at_s)
            run.answer(tx, Outcome.FAIL, at_s + 0.1)
        case "lose":
            run.lose(tx, at_s)
        case _:
            run.submit(tx, at_s)


def _listen(run: RunBuilder, moments: Sequence[float]) -> None:
    """A reader sees what is there at each moment; what is not at its end by then is marked."""
    run.claim(isolation=Isolation.SEMANTIC_LOCK)
    run.readers["sums"] = make_reader(*STEPS)
    for at_s in moments:
        seen: dict[str, set[str]] = {participant: set() for participant in STEPS}
        for row in run.effects:
            if row.at_ns is not None and row.at_ns <= wall(at_s):
                change = seen[row.participant]
                (change.add if row.effect is Effect.APPLIED else change.discard)(row.tx)
        ended = {e.tx for e in run.history if isinstance(e, Completed) and e.at_ns <= mono(at_s)}
        run.read(at_s, seen, pending=sorted(set().union(*seen.values()) - ended))


def _partial(case: Case) -> None:
    case.run.commit(case.victim(), case.at_s(), outcome=Outcome.INFO)
    case.run.forget(case.victim(), list(STEPS)[case.pick % len(STEPS)])


def _lost(case: Case) -> None:
    case.run.commit(case.victim(), case.at_s())
    case.run.forget(case.victim())


def _acknowledged_then_undone(case: Case) -> None:
    case.run.refuse(case.victim(), case.at_s(), outcome=Outcome.OK)


def _refused_but_there(case: Case) -> None:
    case.run.commit(case.victim(), case.at_s(), outcome=Outcome.FAIL)


def _never_submitted(case: Case) -> None:
    case.run.applied(case.victim(), PAYMENTS, case.at_s())


def _applied_twice(case: Case) -> None:
    case.run.commit(case.victim(), case.at_s())
    case.run.applied(case.victim(), list(STEPS)[case.pick % len(STEPS)], case.at_s() + 0.45)


def _undone_twice(case: Case) -> None:
    case.run.refuse(case.victim(), case.at_s())
    case.run.undone(case.victim(), PAYMENTS, case.at_s() + 0.45)


def _wrong_amount(case: Case) -> None:
    case.run.commit(case.victim(), case.at_s())
    case.run.forget(case.victim(), PAYMENTS)
    case.run.applied(case.victim(), PAYMENTS, case.at_s(), amount=121 + case.pick)


def _undone_for_nothing(case: Case) -> None:
    case.run.lose(case.victim(), case.at_s())
    case.run.undone(case.victim(), INVENTORY, case.at_s())


def _undone_too_early(case: Case) -> None:
    case.run.refuse(case.victim(), case.at_s())
    case.run.effects = [
        row
        for row in case.run.effects
        if not (row.tx == case.victim() and row.effect is Effect.UNDONE)
    ]
    case.run.undone(case.victim(), INVENTORY, case.at_s() + 0.15)
    case.run.undone(case.victim(), PAYMENTS, case.at_s() + 0.4)


def _undone_in_order(case: Case) -> None:
    tx, at_s = case.victim(), case.at_s()
    case.run.submit(tx, at_s)
    for offset_s, participant in enumerate((PAYMENTS, INVENTORY)):
        case.run.applied(tx, participant, at_s + 0.1 + offset_s / 100)
        case.run.undone(tx, participant, at_s + 0.3 + offset_s / 100)
    case.run.answer(tx, Outcome.FAIL, at_s + 0.4)


def _money_made(case: Case) -> None:
    case.run.hold(MONEY.name, left={"": 1001 + case.pick}, right={})


def _stock_lost(case: Case) -> None:
    case.run.hold(STOCK.name, left={"apple": 10}, right={"apple": 10, "pear": 1 + case.pick})


def _frozen(case: Case) -> None:
    case.run.lose(case.victim(), case.at_s())
    case.run.leave_open(case.victim())


def _left_over(case: Case) -> None:
    case.run.residue.append(ResidueRow(participant=PAYMENTS, name="x", count=case.pick + 1))


def _seen_and_undone(case: Case) -> None:
    case.run.claim(isolation=Isolation.SEMANTIC_LOCK)
    case.run.readers["other"] = make_reader(PAYMENTS, INVENTORY, name="other")
    case.run.refuse(case.victim(), case.at_s())
    seen = {PAYMENTS: {case.victim()}, INVENTORY: set[str]()}
    case.run.read(case.at_s() + 0.15, seen, name="other")


def _died(case: Case) -> None:
    # Later than every window and the time that a notice may take.
    case.run.process("payments", ProcessChange.DIED, 6.0 + case.pick / 1000)


def _in_vain(case: Case) -> None:
    case.run.fault(Proof.SILENCE, 8.0, 9.0)


PLANTS: dict[Callable[[Case], None], str] = {
    _partial: "atomicity",
    _lost: "durability",
    _acknowledged_then_undone: "durability",
    _refused_but_there: "no-phantom",
    _never_submitted: "no-phantom",
    _applied_twice: "exactly-once",
    _undone_twice: "exactly-once",
    _wrong_amount: "exactly-once",
    _undone_for_nothing: "compensation",
    _undone_too_early: "compensation",
    _undone_in_order: "compensation",
    _money_made: "conservation",
    _stock_lost: "conservation",
    _frozen: "convergence",
    _left_over: "residue",
    _seen_and_undone: "isolation",
    _died: "death",
    _in_vain: "vacuity",
}


def _spoke(run: RunBuilder) -> set[str]:
    """Return the checkers that did not say `holds`."""
    return {check.checker for check in run.judge().checks if check.status is not Status.HOLDS}


@given(cases())
def test_correct_run_holds(case: Case) -> None:
    verdict = case.run.judge()
    assert verdict.status is Status.HOLDS, verdict.reasons
    assert verdict.stories == {}
    counts = verdict.counts
    assert counts.submitted == counts.ok + counts.fail + counts.info
    assert counts.info == counts.info_committed + counts.info_absent


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__.strip("_"))
@given(data=st.data())
def test_planted_violation_is_convicted_by_exactly_its_checker(
    plant: Callable[[Case], None], data: st.DataObject
) -> None:
    case = data.draw(cases())
    plant(case)
    assert _spoke(case.run) == {PLANTS[plant]}


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__.strip("_"))
def test_finding_names_its_victim_shows_rows_and_tells_its_story(
    plant: Callable[[Case], None],
) -> None:
    case = Case(run=RunBuilder(), pick=17)
    case.run.commit("t0000", 0.1)
    plant(case)
    verdict = case.run.judge()
    check = check_of(verdict, PLANTS[plant])
    if check.checker == "vacuity":
        assert (check.status, verdict.status) == (Status.UNKNOWN, Status.UNKNOWN)
        assert check.reason
        return
    (finding,) = check.findings
    assert finding.evidence
    if finding.tx is not None:
        assert finding.tx == case.victim()
        assert verdict.stories[case.victim()]


def test_every_registered_checker_has_something_planted_for_it() -> None:
    assert set(PLANTS.values()) == {checker.name for checker in CHECKERS}


@given(cases(), st.randoms(use_true_random=False))
def test_order_of_rows_does_not_change_who_is_convicted(case: Case, order: Random) -> None:
    _partial(case)
    before = case.run.judge().violated_checkers
    order.shuffle(case.run.effects)
    assert case.run.judge().violated_checkers == before


@given(cases(), st.integers(0, 900))
def test_cut_history_never_accuses_and_never_raises(case: Case, cut: int) -> None:
    case.run.quiet = None
    case.run.is_observed = False
    case.run.history = [entry for entry in case.run.history if entry.at_ns <= mono(cut / 100)]
    verdict = case.run.judge()
    assert verdict.status is Status.UNKNOWN
    assert verdict.errors == ()
