"""The reference's inventory behind a channel that delivers each reply at least once; what is broken is who reads them."""

from dtx.patterns.common.remote import Remote
from dtx.patterns.saga.variants.inventory_replying import run
from dtx.patterns.saga.variants.reply_channel import Redelivering


def main() -> None:
    """Run the worker."""
    run(Redelivering(Remote(timeout_s=None)))


if __name__ == "__main__":
    main()
