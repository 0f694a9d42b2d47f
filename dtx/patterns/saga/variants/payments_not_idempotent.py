"""Broken: a repeated debit takes the money again (S3: the action is applied again on a retry)."""

import os

import psycopg

from dtx.patterns.common.barrier import ActionEffect, Answer, Barrier
from dtx.patterns.common.database import Connection, Database
from dtx.patterns.common.service import serve
from dtx.patterns.saga.payments import Payments, routes


class ForgetfulBarrier(Barrier):
    """Knows a repeat of a done action when it sees one, and does it all the same."""

    async def repeated(
        self, connection: Connection, tx: str, step: str, effect: ActionEffect
    ) -> Answer:
        """Take effect a second time, if there is money for it; the answer is the recorded one."""
        recorded = await super().repeated(connection, tx, step, effect)
        if recorded is Answer.DONE:
            async with connection.transaction() as again:
                # The new payment takes the place of the first one, whose money stays taken.
                await connection.execute("delete from payments where tx = %s", (tx,))
                if await effect(connection) is not Answer.DONE:
                    raise psycopg.Rollback(again)
        return recorded


def main() -> None:
    """Run the worker."""
    database = Database(os.environ["DATABASE_URL"])
    serve(database, routes(Payments(ForgetfulBarrier(database))))


if __name__ == "__main__":
    main()
