"""Participants and a saga log that do what a test says."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Generic

import psycopg

from dtx.patterns.common.asking import Request
from dtx.patterns.common.barrier import Answer
from dtx.patterns.saga.definition import STARTED, D, SagaDefinition, State
from dtx.patterns.saga.order_saga import Order
from dtx.patterns.saga.saga_log import Saga

ORDER = Order(tx="t1", customer="ann", sku="apple", quantity=2, price=150)
Reply = Answer | None


class ScriptedParticipants:
    """Gives each request its replies in order, the last one for ever; remembers what was asked."""

    def __init__(self, **replies: Sequence[Reply]) -> None:
        self._replies = {name: list(values) for name, values in replies.items()}
        self.asked: list[str] = []

    async def ask(self, request: Request) -> Answer | None:
        await asyncio.sleep(0)
        self.asked.append(request.name)
        replies = self._replies[request.name]
        return replies.pop(0) if len(replies) > 1 else replies[0]

    @property
    def in_order(self) -> list[str]:
        return list(dict.fromkeys(self.asked))


class TableLog(Generic[D]):
    """A saga log as the database keeps it; `failures` are raised by the next calls, done first or not."""

    def __init__(self, definition: SagaDefinition[D]) -> None:
        self._definition = definition
        self.sagas: dict[str, Saga[D]] = {}
        self.states: list[State] = []
        self.stuck: list[State] = []
        self.failures: list[str] = []

    async def start(self, data: D) -> bool:
        if data.tx in self.sagas:
            return False
        self.sagas[data.tx] = Saga(data=data, state=STARTED)
        return True

    async def move(self, saga: Saga[D], new: State, why: str) -> Saga[D] | None:
        failure = self.failures.pop(0) if self.failures else ""
        if failure == "before":
            raise psycopg.OperationalError("no connection")
        if self.sagas[saga.tx].state != saga.state:
            return None
        self.sagas[saga.tx] = replace(saga, state=new)
        self.states.append(new)
        if failure == "after":
            raise psycopg.OperationalError("the answer to COMMIT was lost")
        return self.sagas[saga.tx]

    async def load(self, tx: str) -> Saga[D] | None:
        return self.sagas.get(tx)

    async def unfinished(self) -> list[Saga[D]]:
        return [saga for saga in self.sagas.values() if not self._definition.is_over(saga.state)]

    async def mark_stuck(self, saga: Saga[D]) -> None:
        self.stuck.append(saga.state)
