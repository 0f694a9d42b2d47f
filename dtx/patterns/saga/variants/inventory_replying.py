"""The reference's inventory behind a channel of replies; what is broken is the coordinator that reads them."""

import os

from dtx.patterns.common.barrier import Barrier
from dtx.patterns.common.database import Database
from dtx.patterns.common.remote import Remote
from dtx.patterns.common.service import serve
from dtx.patterns.saga.inventory import Inventory, routes
from dtx.patterns.saga.variants.reply_channel import Replier


def run(replier: Replier) -> None:
    """Run the worker with this way to reply."""
    database = Database(os.environ["DATABASE_URL"])
    commands = replier.routes(routes(Inventory(Barrier(database))))
    serve(database, commands, replier.remote, drops_abandoned=False)  # messages, whoever sent them


def main() -> None:
    """Run the worker."""
    run(Replier(Remote()))


if __name__ == "__main__":
    main()
