"""The sub-transaction barrier: makes actions and compensations safe against repeats and disorder.

A network may deliver a request twice, or a compensation before its action. As in DTM
(https://en.dtm.pub/practice/barrier.html), the key (tx, step, direction) is inserted in the same local
transaction as the effect, so that:

- a repeat finds its key and gets the recorded answer, without a second effect (idempotence);
- a compensation whose action never came inserts the action's key too, and has no effect (null compensation);
- an action that comes after that finds its key taken and is barred (hanging).

While one transaction holds a key that is not yet committed, another that inserts the same key waits for its
end: so an action and its compensation that arrive at the same time are put in order by the unique index.

Each participant's schema has `barrier (tx, step, direction, answer, primary key (tx, step, direction))`.
"""

from collections.abc import Awaitable, Callable
from enum import StrEnum

from dtx.patterns.common.crash_points import crash_point
from dtx.patterns.common.database import Connection, Database


class Answer(StrEnum):
    """What a participant says about an action or a compensation; a repeat gets the same answer."""

    DONE = "done"
    """The action took effect."""
    REFUSED = "refused"
    """The action may not be done, for a reason of business; it left nothing."""
    BARRED = "barred"
    """The action came after its compensation; it left nothing and never will."""
    UNDONE = "undone"
    """The compensation took the action back."""
    EMPTY = "empty"
    """There was nothing to take back; the action is barred from now on."""


class Direction(StrEnum):
    """Forward or back."""

    ACTION = "action"
    COMPENSATION = "compensation"


ActionEffect = Callable[[Connection], Awaitable[Answer]]
"""Tries the action inside the local transaction; DONE, or REFUSED having changed nothing."""

CompensationEffect = Callable[[Connection], Awaitable[None]]
"""Takes a done action back inside the local transaction."""


class Barrier:
    """Runs the actions and compensations of one participant, each with its keys in one local transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def act(self, tx: str, step: str, effect: ActionEffect) -> Answer:
        """Do the action of `step` once, ever.

        Raises:
            psycopg.Error: the outcome is unknown; a repeat will tell.
        """
        async with self._database.transaction() as connection:
            if await _enter(connection, tx, step, Direction.ACTION):
                answer = await effect(connection)
                await _record(connection, tx, step, Direction.ACTION, answer)
            else:
                answer = await self.repeated(connection, tx, step, effect)
            crash_point(f"{step}-before-commit", tx)
        crash_point(f"{step}-after-commit", tx)
        return answer

    async def compensate(
        self, tx: str, step: str, compensation: str, effect: CompensationEffect
    ) -> Answer:
        """Take the action of `step` back once, ever; `compensation` is the name of doing so.

        Raises:
            psycopg.Error: the outcome is unknown; a repeat will tell.
        """
        async with self._database.transaction() as connection:
            answer = await self._take_back(connection, tx, step, effect)
            crash_point(f"{compensation}-before-commit", tx)
        crash_point(f"{compensation}-after-commit", tx)
        return answer

    async def repeated(
        self, connection: Connection, tx: str, step: str, effect: ActionEffect
    ) -> Answer:
        """Answer a repeat of an action: what was recorded, and no second effect."""
        del effect
        return await _recorded(connection, tx, step, Direction.ACTION)

    async def never_came(
        self, connection: Connection, tx: str, step: str, effect: CompensationEffect
    ) -> Answer:
        """Answer a compensation whose action has not come: nothing to take back, and the action is barred.

        The action's key is taken already; if the action is still under way it will find it so.
        """
        del effect
        await _record(connection, tx, step, Direction.ACTION, Answer.BARRED)
        return Answer.EMPTY

    async def _take_back(
        self, connection: Connection, tx: str, step: str, effect: CompensationEffect
    ) -> Answer:
        if not await _enter(connection, tx, step, Direction.COMPENSATION):
            return await _recorded(connection, tx, step, Direction.COMPENSATION)
        if await _enter(connection, tx, step, Direction.ACTION):
            answer = await self.never_came(connection, tx, step, effect)
        elif await _recorded(connection, tx, step, Direction.ACTION) is Answer.DONE:
            await effect(connection)
            answer = Answer.UNDONE
        else:
            answer = Answer.EMPTY
        await _record(connection, tx, step, Direction.COMPENSATION, answer)
        return answer


async def _enter(connection: Connection, tx: str, step: str, direction: Direction) -> bool:
    """Insert the key; return whether it was free. Waits for another transaction that holds it uncommitted."""
    cursor = await connection.execute(
        "insert into barrier (tx, step, direction) values (%s, %s, %s) on conflict do nothing",
        (tx, step, direction),
    )
    return cursor.rowcount == 1


async def _record(
    connection: Connection, tx: str, step: str, direction: Direction, answer: Answer
) -> None:
    await connection.execute(
        "update barrier set answer = %s where tx = %s and step = %s and direction = %s",
        (answer, tx, step, direction),
    )


async def _recorded(connection: Connection, tx: str, step: str, direction: Direction) -> Answer:
    cursor = await connection.execute(
        "select answer from barrier where tx = %s and step = %s and direction = %s",
        (tx, step, direction),
    )
    row = await cursor.fetchone()
    if row is None:
        raise LookupError(f"barrier key ({tx}, {step}, {direction}) was taken but is not there")
    return Answer(row[0])
