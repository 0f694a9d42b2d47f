"""Broken: "no such branch" is taken for "it has ended as I asked", at payments.

MariaDB answers XAER_NOTA as well while a prepared branch is attached to the session that prepared it, and that may live on
after its manager has died: nobody told the server. Here nothing ends that session, soon or at all, nobody looks for the
marker row, and what has "ended" is not looked at again, although `XA RECOVER` goes on listing it.
"""

import os
from collections.abc import Collection
from dataclasses import replace

import pymysql

from dtx.patterns.common.mariadb_sessions import MariaDbSession
from dtx.patterns.common.narration import tell
from dtx.patterns.twophase import order
from dtx.patterns.twophase.identity import BranchId
from dtx.patterns.twophase.mariadb import XAER_NOTA, MariaDbResource
from dtx.patterns.twophase.order import Order
from dtx.patterns.twophase.resource import Decision, Settled
from dtx.patterns.twophase.tm import Resources, serve_orders

PATIENT_S = 8.0
"""A second later the server ends a session that fell silent; the reference has it do so after two seconds."""


class TrustingPayments(MariaDbResource[Order]):
    """Believes the error code."""

    def __init__(self, url: str) -> None:
        super().__init__("payments", url, order.pay, marker=order.PAID, within_s=PATIENT_S)
        self._ended: set[BranchId] = set()

    def _settle(self, session: MariaDbSession, branch: BranchId, decision: Decision) -> Settled:
        verb = "commit" if decision is Decision.COMMIT else "rollback"
        try:
            session.execute(f"xa {verb} {branch.gid}")
        except pymysql.MySQLError as error:
            if error.args[0] != XAER_NOTA:
                raise
            tell(
                branch.xid.tx,
                f"payments answers 'no such branch' to XA {verb.upper()}: taken for done, without a look",
            )
        self._ended.add(branch)
        return Settled.DONE

    async def in_doubt(self, group: str) -> list[BranchId]:
        """Leave out what is taken for ended."""
        return [branch for branch in await super().in_doubt(group) if branch not in self._ended]

    async def have_marker(self, txs: Collection[str]) -> set[str]:
        """Take what is ended for done."""
        taken = {branch.xid.tx for branch in self._ended if branch.xid.tx in txs}
        return await super().have_marker(txs) | taken


def main() -> None:
    """Run the worker, as leader or as standby."""
    payments = TrustingPayments(os.environ["PAYMENTS_URL"])
    serve_orders(resources=replace(Resources.from_environment(), payments=payments))


if __name__ == "__main__":
    main()
