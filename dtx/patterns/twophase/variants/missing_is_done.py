"""Broken: recovery takes a committed transaction without prepared branches for committed everywhere.

An operator may have rolled a branch back in doubt (operator.py). Its marker row is missing then; nobody looks.
"""

from collections.abc import Sequence

from dtx.patterns.twophase.decision_log import Record
from dtx.patterns.twophase.identity import Xid
from dtx.patterns.twophase.order import Order
from dtx.patterns.twophase.recovery import Recovery
from dtx.patterns.twophase.tm import serve_orders


class TrustingRecovery(Recovery[Order]):
    """Forgets what has no branch left."""

    async def _at_odds(self, records: Sequence[Record]) -> dict[Xid, list[str]]:
        """Miss nobody."""
        del records
        return {}


def main() -> None:
    """Run the worker."""
    serve_orders(recovery_type=TrustingRecovery)


if __name__ == "__main__":
    main()
