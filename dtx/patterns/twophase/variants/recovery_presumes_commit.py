"""Broken: what is found prepared and undecided is committed by recovery, as if prepared meant decided.

One participant may have voted No, or not at all: then the others commit alone.
"""

from dtx.patterns.common.service import serve
from dtx.patterns.twophase.decision_log import DecisionLog, Record
from dtx.patterns.twophase.face import routes
from dtx.patterns.twophase.identity import Xid
from dtx.patterns.twophase.order import Order
from dtx.patterns.twophase.recovery import Recovery
from dtx.patterns.twophase.resource import Decision
from dtx.patterns.twophase.tm import Resources, group, log_database
from dtx.patterns.twophase.transaction_manager import TransactionManager


class PresumingRecovery(Recovery[Order]):
    """Recovery with the presumption the wrong way round."""

    async def undecided(self, xid: Xid) -> Record | None:
        """Presume commit."""
        return Record(xid=xid, decision=Decision.COMMIT)


def main() -> None:
    """Run the worker."""
    database = log_database()
    resources = Resources.from_environment()
    log = DecisionLog(group(), database)
    manager = TransactionManager(group(), resources.stages, log)
    recovery = PresumingRecovery(manager, log)
    serve(database, routes(manager), *resources.all, log, manager, recovery)


if __name__ == "__main__":
    main()
