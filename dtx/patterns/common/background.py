"""What goes on beside a service for as long as it serves: a scan, a purge, a writer."""

import asyncio
import logging
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

_logger = logging.getLogger(__name__)


class Background(ABC):
    """Runs `run` for as long as this async context manager is entered."""

    _task: asyncio.Task[None] | None = None

    @abstractmethod
    async def run(self) -> None:
        """Go on until cancelled; an error that may pass is caught here, any other is a defect and ends it."""

    async def __aenter__(self) -> Self:
        """Begin, without waiting: what it needs may come up later than we do."""
        self._task = asyncio.create_task(self.run())
        self._task.add_done_callback(self._say_how_it_ended)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()

    def _say_how_it_ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _logger.error("%s ended by a defect", type(self).__name__, exc_info=error)
