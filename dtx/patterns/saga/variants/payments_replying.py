"""The reference's payments behind a channel of replies; what is broken is the coordinator that reads them."""

import os

from dtx.patterns.common.barrier import Barrier
from dtx.patterns.common.database import Database
from dtx.patterns.common.remote import Remote
from dtx.patterns.common.service import serve
from dtx.patterns.saga.payments import Payments, routes
from dtx.patterns.saga.variants.reply_channel import Replier


def main() -> None:
    """Run the worker."""
    database = Database(os.environ["DATABASE_URL"])
    remote = Remote()
    replier = Replier(remote)
    commands = replier.routes(routes(Payments(Barrier(database))))
    serve(database, commands, remote, drops_abandoned=False)  # messages, whoever sent them


if __name__ == "__main__":
    main()
