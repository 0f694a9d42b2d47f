"""Ends reservations whose time is over, as the coordinator says: the participant asks before it frees.

A participant that freed what has expired by its own clock would break a transaction that is decided to be confirmed and
whose confirm is late. So it asks. To ask is enough: past the time to decide, the coordinator's log takes a cancel for
whatever is still undecided, and no confirm after that. The price is that of every commit protocol: while the coordinator
can't be reached, nobody may free.
"""

import asyncio
import logging
from typing import LiteralString, Protocol

import msgspec
import psycopg

from dtx.patterns.common.background import Background
from dtx.patterns.common.barrier import Answer
from dtx.patterns.common.database import Database
from dtx.patterns.common.narration import tell
from dtx.patterns.common.remote import Remote
from dtx.patterns.tcc.definition import About, Outcome

SCAN_EVERY_S = 0.5
"""How often expired reservations are looked for."""

_logger = logging.getLogger(__name__)


class _Reply(msgspec.Struct, frozen=True):
    outcome: Outcome


class Inquirer:
    """Asks the coordinator what became of a transaction."""

    def __init__(self, remote: Remote, url: str) -> None:
        self._remote = remote
        self._url = url

    async def outcome(self, tx: str) -> Outcome | None:
        """Ask once; None if there is no answer."""
        reply = await self._remote.post(f"{self._url}/inquiries", {"tx": tx}, _Reply)
        return None if reply is None else reply.outcome


class Inquiring(Protocol):
    """Who knows what became of a transaction."""

    async def outcome(self, tx: str) -> Outcome | None:
        """Ask once; None if there is no answer."""


class Ending(Protocol):
    """The participant. Both may raise psycopg.Error."""

    async def confirm(self, order: About) -> Answer:
        """Make the reservation what it was for."""

    async def cancel(self, order: About) -> Answer:
        """Free what was reserved."""


class Expiry(Background):
    """Looks for expired reservations beside the service; a passing error does not end it."""

    def __init__(
        self, database: Database, expired: LiteralString, participant: Ending, inquirer: Inquiring
    ) -> None:
        self._database = database
        self._expired = expired
        self._participant = participant
        self._inquirer = inquirer

    async def run(self) -> None:
        """Scan for ever."""
        while True:
            try:
                await self.scan()
            except psycopg.Error as error:
                _logger.warning("expired reservations can't be ended now: %s", error)
            except Exception:
                _logger.exception("a scan failed by a defect; the next one may not")
            await asyncio.sleep(SCAN_EVERY_S)

    async def scan(self) -> None:
        """End every expired reservation whose outcome the coordinator tells.

        Raises:
            psycopg.Error: the database can't be used.
        """
        for (tx,) in await self._database.fetch(self._expired):
            outcome = await self._inquirer.outcome(tx)
            if outcome is None:
                tell(tx, "reservation expired, the coordinator does not answer: kept")
                return
            await self._end(tx, outcome)

    async def _end(self, tx: str, outcome: Outcome) -> None:
        if outcome is Outcome.UNDECIDED:
            return
        end = self._participant.confirm if outcome is Outcome.CONFIRM else self._participant.cancel
        answer = await end(About(tx=tx))
        tell(tx, f"reservation expired, the coordinator says {outcome}: {answer}")
