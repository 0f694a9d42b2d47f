"""Cancels go to another instance of payments than tries: right, but the one may overtake the other."""

import os

from dtx.patterns.common.asking import Asked, Request
from dtx.patterns.common.barrier import Answer
from dtx.patterns.common.participants import Participants
from dtx.patterns.common.remote import Remote
from dtx.patterns.tcc.checkout import ORDER_TCC, PARTICIPANTS, participants, serve_with
from dtx.patterns.tcc.coordinator import Coordinator


class TwoWays:
    """Asks payments to cancel at an address of its own, as behind a load balancer."""

    def __init__(self, usual: Asked, cancels: Asked) -> None:
        self._usual = usual
        self._cancels = cancels

    async def ask(self, request: Request) -> Answer | None:
        """Ask once."""
        is_other = (request.participant, request.name) == ("payments", "cancel")
        return await (self._cancels if is_other else self._usual).ask(request)


def main() -> None:
    """Run the worker."""
    remote = Remote()
    cancels = Participants(remote, {"payments": os.environ["CANCELS_URL"]})
    asked = TwoWays(participants(remote, PARTICIPANTS), cancels)
    serve_with(ORDER_TCC, remote, asked, Coordinator)


if __name__ == "__main__":
    main()
