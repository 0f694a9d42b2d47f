"""Broken: what is found prepared and undecided is committed by recovery, as if prepared meant decided.

One participant may have voted No, or not at all: then the others commit alone.
"""

from dtx.patterns.twophase.decision_log import Record
from dtx.patterns.twophase.identity import Xid
from dtx.patterns.twophase.order import Order
from dtx.patterns.twophase.recovery import Recovery
from dtx.patterns.twophase.resource import Decision
from dtx.patterns.twophase.tm import serve_orders


class PresumingRecovery(Recovery[Order]):
    """Recovery with the presumption the wrong way round."""

    async def undecided(self, xid: Xid, epoch: int) -> Record | None:
        """Presume commit."""
        del epoch
        return Record(xid=xid, decision=Decision.COMMIT)


def main() -> None:
    """Run the worker."""
    serve_orders(recovery_type=PresumingRecovery)


if __name__ == "__main__":
    main()
