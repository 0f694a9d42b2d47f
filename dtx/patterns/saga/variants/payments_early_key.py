"""Broken: that a debit was done is committed before the debit itself (S4: two transactions where one is needed)."""

import os

from dtx.patterns.common.barrier import ActionEffect, Answer, Barrier
from dtx.patterns.common.database import Database
from dtx.patterns.common.narration import tell
from dtx.patterns.common.service import serve
from dtx.patterns.saga.payments import Payments, routes

_ENTER = "insert into barrier (tx, step, direction, answer) values (%s, %s, 'action', 'done') on conflict do nothing"
_FORGET = "delete from barrier where tx = %s and step = %s and direction = 'action'"


class EarlyBarrier(Barrier):
    """Keeps the keys of what was done in transactions of their own, before the work."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._own = database

    async def act(self, tx: str, step: str, effect: ActionEffect) -> Answer:
        """Write down that the action was done, then do it; a refusal is not kept."""
        async with self._own.transaction() as connection:
            is_new = (await connection.execute(_ENTER, (tx, step))).rowcount == 1
        if not is_new:
            return await super().act(tx, step, effect)
        tell(tx, f"{step} noted as done, to be done next")
        async with self._own.transaction() as connection:
            answer = await effect(connection)
            if answer is not Answer.DONE:
                await connection.execute(_FORGET, (tx, step))
            return answer


def main() -> None:
    """Run the worker."""
    database = Database(os.environ["DATABASE_URL"])
    serve(database, routes(Payments(EarlyBarrier(database))))


if __name__ == "__main__":
    main()
