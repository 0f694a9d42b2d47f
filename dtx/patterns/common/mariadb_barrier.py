"""The sub-transaction barrier (barrier.py) in MariaDB: the same keys and the same answers, over blocking sessions.

InnoDB keeps the same order as PostgreSQL does: who inserts a key that another transaction holds uncommitted waits for its end. The
isolation level is READ COMMITTED, so that the answer that was recorded meanwhile is seen.
"""

from collections.abc import Callable

from dtx.patterns.common.barrier import Answer, Direction
from dtx.patterns.common.crash_points import crash_point
from dtx.patterns.common.mariadb_database import MariaDbDatabase
from dtx.patterns.common.mariadb_sessions import MariaDbSession

ActionEffect = Callable[[MariaDbSession], Answer]
"""Tries the action inside the local transaction; DONE, or REFUSED having changed nothing."""

CompensationEffect = Callable[[MariaDbSession], None]
"""Takes a done action back inside the local transaction."""


class MariaDbBarrier:
    """Runs the actions and compensations of one participant, each with its keys in one local transaction."""

    def __init__(self, database: MariaDbDatabase) -> None:
        self._database = database

    async def act(self, tx: str, step: str, effect: ActionEffect) -> Answer:
        """Do the action of `step` once, ever.

        Raises:
            pymysql.MySQLError: the outcome is unknown; a repeat will tell.
        """

        def do(session: MariaDbSession) -> Answer:
            if _enter(session, tx, step, Direction.ACTION):
                answer = effect(session)
                _record(session, tx, step, Direction.ACTION, answer)
            else:
                answer = _recorded(session, tx, step, Direction.ACTION)
            crash_point(f"{step}-before-commit", tx)
            return answer

        answer = await self._database.transaction(do)
        crash_point(f"{step}-after-commit", tx)
        return answer

    async def compensate(
        self, tx: str, step: str, compensation: str, effect: CompensationEffect
    ) -> Answer:
        """Take the action of `step` back once, ever; `compensation` is the name of doing so.

        Raises:
            pymysql.MySQLError: the outcome is unknown; a repeat will tell.
        """

        def do(session: MariaDbSession) -> Answer:
            answer = _take_back(session, tx, step, effect)
            crash_point(f"{compensation}-before-commit", tx)
            return answer

        answer = await self._database.transaction(do)
        crash_point(f"{compensation}-after-commit", tx)
        return answer


def _take_back(session: MariaDbSession, tx: str, step: str, effect: CompensationEffect) -> Answer:
    if not _enter(session, tx, step, Direction.COMPENSATION):
        return _recorded(session, tx, step, Direction.COMPENSATION)
    if _enter(session, tx, step, Direction.ACTION):
        _record(session, tx, step, Direction.ACTION, Answer.BARRED)
        answer = Answer.EMPTY
    elif _recorded(session, tx, step, Direction.ACTION) is Answer.DONE:
        effect(session)
        answer = Answer.UNDONE
    else:
        answer = Answer.EMPTY
    _record(session, tx, step, Direction.COMPENSATION, answer)
    return answer


def _enter(session: MariaDbSession, tx: str, step: str, direction: Direction) -> bool:
    """Insert the key; return whether it was free. Waits for another transaction that holds it uncommitted."""
    inserted = session.execute(
        "insert into barrier (tx, step, direction) values (%(tx)s, %(step)s, %(direction)s)"
        " on duplicate key update tx = tx",
        _key(tx, step, direction),
    )
    return inserted == 1


def _record(
    session: MariaDbSession, tx: str, step: str, direction: Direction, answer: Answer
) -> None:
    session.execute(
        "update barrier set answer = %(answer)s"
        " where tx = %(tx)s and step = %(step)s and direction = %(direction)s",
        _key(tx, step, direction) | {"answer": answer.value},
    )


def _recorded(session: MariaDbSession, tx: str, step: str, direction: Direction) -> Answer:
    rows = session.fetch(
        "select answer from barrier"
        " where tx = %(tx)s and step = %(step)s and direction = %(direction)s",
        _key(tx, step, direction),
    )
    if not rows:
        raise LookupError(f"barrier key ({tx}, {step}, {direction}) was taken but is not there")
    return Answer(rows[0][0])


def _key(tx: str, step: str, direction: Direction) -> dict[str, str]:
    return {"tx": tx, "step": step, "direction": direction.value}
