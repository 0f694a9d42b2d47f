"""Broken: a time-out for a lock is taken to have rolled the local transaction back.

InnoDB undoes the statement that waited and nothing else, unless `innodb_rollback_on_timeout` says so. Here the payment is
written down before the money is moved, the account is locked, the order is refused, and the commit that ends the local
transaction keeps the payment.
"""

import msgspec
import pymysql
from pymysql.constants import ER

from dtx.patterns.common.barrier import Answer
from dtx.patterns.common.mariadb_sessions import MariaDbSession
from dtx.patterns.common.narration import tell
from dtx.patterns.saga.payments import Debit
from dtx.patterns.saga.payments_mariadb import NOTE, TAKE, MariaDbPayments, serve_payments


class TrustingPayments(MariaDbPayments):
    """Believes that there is nothing left to undo."""

    def capture(self, session: MariaDbSession, order: Debit) -> Answer:
        """Write it down, then move the money; what is locked is refused."""
        values = msgspec.structs.asdict(order)
        [[balance]] = session.fetch(
            "select balance from accounts where customer = %(customer)s", values
        )
        if balance < order.amount:
            return Answer.REFUSED
        for statement in NOTE:
            session.execute(statement, values)
        try:
            if session.execute(TAKE, values) != 1:
                raise pymysql.OperationalError("spent meanwhile: all is rolled back")
        except pymysql.OperationalError as error:
            if error.args[0] != ER.LOCK_WAIT_TIMEOUT:
                raise
            tell(order.tx, "the account is locked: refused, and taken to be rolled back")
            return Answer.REFUSED
        return Answer.DONE


def main() -> None:
    """Run the worker."""
    serve_payments(TrustingPayments)


if __name__ == "__main__":
    main()
