"""The payments worker on MariaDB: the same actions, answers and rows as payments.py, in another product's terms.

MariaDB has no statement that changes several tables, so each effect is some statements of one local transaction.
"""

import os

import msgspec

from dtx.patterns.common.barrier import Answer
from dtx.patterns.common.mariadb_barrier import MariaDbBarrier
from dtx.patterns.common.mariadb_database import MariaDbDatabase
from dtx.patterns.common.mariadb_sessions import MariaDbSession
from dtx.patterns.common.service import serve
from dtx.patterns.saga.payments import STEP, Debit, Refund, routes


class MariaDbPayments:
    """The participant. Each method is one local transaction behind the barrier."""

    def __init__(self, barrier: MariaDbBarrier) -> None:
        self._barrier = barrier

    async def debit(self, order: Debit) -> Answer:
        """Take the money: DONE, REFUSED when there is not enough, BARRED after a refund.

        Raises:
            pymysql.MySQLError: the outcome is unknown.
        """
        return await self._barrier.act(order.tx, STEP, lambda session: self.capture(session, order))

    async def refund(self, order: Refund) -> Answer:
        """Give the money back: UNDONE, or EMPTY when nothing was taken.

        Raises:
            pymysql.MySQLError: the outcome is unknown.
        """
        return await self._barrier.compensate(
            order.tx, STEP, "refund", lambda session: self.give_back(session, order.tx)
        )

    def capture(self, session: MariaDbSession, order: Debit) -> Answer:
        """Take the money, inside the local transaction of the barrier's key."""
        values = msgspec.structs.asdict(order)
        if session.execute(TAKE, values) != 1:
            return Answer.REFUSED
        for statement in NOTE:
            session.execute(statement, values)
        return Answer.DONE

    def give_back(self, session: MariaDbSession, tx: str) -> None:
        """Give back what was taken, inside the local transaction of the barrier's key."""
        if session.execute(_REFUND, {"tx": tx}) != 1:
            raise LookupError(
                f"the barrier says that {tx} was debited, but there is nothing to refund"
            )
        for statement in _GIVE_BACK:
            session.execute(statement, {"tx": tx})


TAKE = """
    update accounts set balance = balance - %(amount)s, captured = captured + %(amount)s
    where customer = %(customer)s and balance >= %(amount)s
"""

NOTE = (
    """
    insert into payments (tx, customer, amount, status) values (%(tx)s, %(customer)s, %(amount)s, 'CAPTURED')
    """,
    """
    insert into payment_effects (tx, step, effect, amount) values (%(tx)s, 'debit', 'applied', %(amount)s)
    """,
)

_REFUND = "update payments set status = 'REFUNDED' where tx = %(tx)s and status = 'CAPTURED'"

# Added back, not set back to what it was: others may have used the account since.
_GIVE_BACK = (
    """
    update accounts a join payments p on p.customer = a.customer
    set a.balance = a.balance + p.amount, a.captured = a.captured - p.amount where p.tx = %(tx)s
    """,
    """
    insert into payment_effects (tx, step, effect, amount)
    select tx, 'debit', 'undone', amount from payments where tx = %(tx)s
    """,
)


def serve_payments(payments_type: type[MariaDbPayments] = MariaDbPayments) -> None:
    """Run the worker; variants bring payments of their own."""
    database = MariaDbDatabase(os.environ["DATABASE_URL"])
    serve(database, routes(payments_type(MariaDbBarrier(database))))


def main() -> None:
    """Run the worker."""
    serve_payments()


if __name__ == "__main__":
    main()
