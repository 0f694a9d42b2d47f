"""The participants behind their addresses, as the coordinator asks them."""

from collections.abc import Mapping

from dtx.patterns.common.asking import Request
from dtx.patterns.common.barrier import Answer
from dtx.patterns.common.remote import Remote


class Participants:
    """Asks whom a request names; `urls` maps a participant's name to its address."""

    def __init__(self, remote: Remote, urls: Mapping[str, str]) -> None:
        self._remote = remote
        self._urls = urls

    async def ask(self, request: Request) -> Answer | None:
        """Ask once; None if the outcome is unknown."""
        return await self._remote.ask(
            f"{self._urls[request.participant]}/{request.name}", request.body
        )
