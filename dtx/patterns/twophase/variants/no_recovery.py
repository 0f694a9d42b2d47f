"""Broken: nobody looks for what an earlier life of this transaction manager left prepared."""

from dtx.patterns.twophase.order import Order
from dtx.patterns.twophase.recovery import Recovery
from dtx.patterns.twophase.tm import serve_orders


class NoRecovery(Recovery[Order]):
    """Recovery that looks away."""

    async def scan(self, epoch: int) -> None:
        """Find nothing."""
        del epoch


def main() -> None:
    """Run the worker."""
    serve_orders(recovery_type=NoRecovery)


if __name__ == "__main__":
    main()
