"""Broken: a participant that does not answer a confirm in time is asked to cancel (S17: cancel after confirm)."""

from dtx.patterns.common.asking import Asker, Request
from dtx.patterns.common.narration import tell
from dtx.patterns.common.remote import Remote
from dtx.patterns.tcc.checkout import ORDER_TCC, PARTICIPANTS, participants, serve_with
from dtx.patterns.tcc.coordinator import Coordinator, Logging
from dtx.patterns.tcc.tcc_log import Tcc

CONFIRMED_WITHIN_S = 0.5
"""A confirm is asked for so long; an attempt that is under way then is waited for."""


class ImpatientCoordinator(Coordinator):
    """Takes a confirm without an answer for one that was not done."""

    def __init__(self, log: Logging, asker: Asker, impatient: Asker) -> None:
        super().__init__(log, asker)
        self._impatient = impatient

    async def settle_one(self, tcc: Tcc, request: Request) -> None:
        """Ask to confirm for a while, then to cancel for ever."""
        if request.name == "confirm":
            if await self._impatient.within_budget(request) is not None:
                return
            tell(tcc.tx, f"{request.participant} has not confirmed in time: it is to cancel")
            request = Request(
                tx=tcc.tx, participant=request.participant, name="cancel", body=request.body
            )
        await super().settle_one(tcc, request)


def main() -> None:
    """Run the worker."""
    remote = Remote()
    asked = participants(remote, PARTICIPANTS)
    impatient = Asker(asked, budget_s=CONFIRMED_WITHIN_S)
    serve_with(
        ORDER_TCC, remote, asked, lambda log, asker: ImpatientCoordinator(log, asker, impatient)
    )


if __name__ == "__main__":
    main()
