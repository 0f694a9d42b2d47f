"""What a saga is, as data: its steps in order, what takes each back, and what stands in the database for it.

A state names the last thing that is known; what is done next follows from the state alone. So a coordinator that
dies anywhere leaves a state from which another goes on. For steps A and B, of which B is the last:

    STARTED --A--> A.done --B--> B.done --> confirmed
    an action was refused: what was done before it is taken back, in reverse order, then `rejected`
    an action's outcome is unknown: it is taken back itself too, which covers whatever became of it. One that
        can't be taken back is asked for until its outcome is known
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

import msgspec

from dtx.patterns.common.asking import Request
from dtx.patterns.common.barrier import Answer

State = str
"""STARTED, a step's `done` or `undoing`, or one of the two ends."""

STARTED: State = "STARTED"
"""What the client asked for is stored, and nothing is done for it yet."""


class SagaData(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asks for; all that a saga is about."""

    tx: str


D = TypeVar("D", bound=SagaData)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Generic[D]):
    """A local transaction at a participant, and the one that takes it back.

    Attributes:
        action, compensation: what is asked, there and back. Without a compensation the action can't be taken back; only
            the last step may be so.
        participant: who is asked.
        body: what both are told besides `tx`.
        done: the state in which the action is known to be done.
        undoing: the state in which it may be done, and is taken back until that is answered.
    """

    action: str
    participant: Callable[[D], str]
    body: Callable[[D], Mapping[str, Any]]
    done: State
    compensation: str = ""
    undoing: State = ""

    def act(self, data: D) -> Request:
        """Return what is asked to do the step."""
        return self._request(self.action, data)

    def undo(self, data: D) -> Request:
        """Return what is asked to take it back."""
        return self._request(self.compensation, data)

    def _request(self, name: str, data: D) -> Request:
        body = {"tx": data.tx, **self.body(data)}
        return Request(tx=data.tx, participant=self.participant(data), name=name, body=body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Act(Generic[D]):
    """Next: ask for the action of the step."""

    step: Step[D]


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo(Generic[D]):
    """Next: ask for the compensation of the step."""

    step: Step[D]


@dataclass(frozen=True, slots=True)
class Confirm:
    """Next: confirm, past the pivot, where nothing can refuse any more."""


@dataclass(frozen=True, slots=True)
class Over:
    """Next: nothing."""


Next = Act[D] | Undo[D] | Confirm | Over


@dataclass(frozen=True, kw_only=True)
class SagaDefinition(Generic[D]):
    """One kind of saga.

    Attributes:
        data: what a client asks for; its fields are columns of `table`.
        steps: in order; the last is the pivot: once it is done, the saga can only be confirmed.
        confirmed, rejected: the two ends, both of the saga and of the row's `status`, which is PENDING before.
        table: where what is asked for stands, in the coordinator's own database.
        effects: the table to which confirming appends `(tx, confirmation, 'applied', 1)`.
        describe: says in words what is asked for.
    """

    data: type[D]
    steps: tuple[Step[D], ...]
    confirmed: State
    rejected: State
    table: str
    effects: str
    confirmation: str
    describe: Callable[[D], str]

    @property
    def ends(self) -> tuple[State, State]:
        """The states in which nothing is left to do."""
        return (self.confirmed, self.rejected)

    def is_over(self, state: State) -> bool:
        """Return whether a saga in this state has ended."""
        return state in self.ends

    def following(self, state: State) -> Next[D]:
        """Return what is done next.

        Raises:
            KeyError: no saga of this kind has this state.
        """
        return self._following[state]

    def after_action(self, step: Step[D], answer: Answer | None) -> State:
        """Return the state after an action was asked for; the answer is None if its outcome is unknown."""
        if answer is Answer.DONE:
            return step.done
        # Unknown: it may have been done, or be done later. Compensating it covers both.
        return step.undoing if answer is None else self.after_undone(step)

    def after_undone(self, step: Step[D]) -> State:
        """Return the state in which nothing is left of this step: the one before it is taken back, if any."""
        index = self.steps.index(step)
        return self.steps[index - 1].undoing if index else self.rejected

    @cached_property
    def _following(self) -> Mapping[State, Next[D]]:
        forward: list[Next[D]] = [*(Act(step=step) for step in self.steps), Confirm()]
        states = (STARTED, *(step.done for step in self.steps))
        back = {step.undoing: Undo(step=step) for step in self.steps if step.compensation}
        return dict(zip(states, forward, strict=True)) | back | dict.fromkeys(self.ends, Over())
