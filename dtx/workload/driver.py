"""The open-loop driver: transactions start when the clock says so, never when an earlier answer came.

A closed loop slows down with the system that it measures and hides what users would suffer ("coordinated omission",
Gil Tene). Here each transaction has an intended start, and latency counts from it.
"""

import asyncio
import contextlib
import logging
import math
import resource
import threading
import time
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar

import aiohttp

from dtx.config.model import Client
from dtx.core.deadline import Deadline
from dtx.core.errors import InternalError
from dtx.core.history import Outcome
from dtx.core.ports import InFlight, Recorder
from dtx.workload.generators import Transaction, transaction
from dtx.workload.readers import ReadingClient
from dtx.workload.rendering import Resolve
from dtx.workload.session import open_session
from dtx.workload.submitter import Submitter

_log = logging.getLogger(__name__)
T = TypeVar("T")

MAX_IN_FLIGHT = 10_000
"""More would run this machine out of ports and files before it says anything about the system."""
SPARE_FILES = 500
CLOSE_WITHIN_S = 10.0


class _Open:
    """The tasks of transactions that have not ended; its size may be read from any thread."""

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[Outcome]] = set()

    def count(self) -> int:
        """Return how many submitted transactions have not ended."""
        return len(self.tasks)


class Driver:
    """Submits transactions, and lets readers read, in a thread of its own; a context manager.

    On leaving, transactions that are still open end as `info`. Methods are called from one thread.
    """

    def __init__(
        self,
        client: Client,
        resolve: Resolve,
        recorder: Recorder,
        *,
        seed: int,
        readers: Sequence[ReadingClient] = (),
        max_in_flight: int = MAX_IN_FLIGHT,
    ) -> None:
        """Prepare a driver.

        Args:
            client: what is submitted, and what answers mean.
            resolve: references to nodes -> addresses as the client must use them, the proxies'.
            recorder: takes the history, from the driver's thread.
            seed: of the transactions' fields.
            readers: read from `start_reading` to `stop_reading`.
            max_in_flight: a transaction beyond it is not sent and ends as `fail`.
        """
        self._client = client
        self._submitter = Submitter(client, resolve, recorder)
        self._seed = seed
        self._readers = tuple(readers)
        self._reading: list[asyncio.Task[NoReturn]] = []
        self._max_in_flight = max_in_flight
        self._open = _Open()
        self._last_number = 0
        self._defects: list[BaseException] = []
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._serve, name="clients", daemon=True)
        self._loop: asyncio.AbstractEventLoop
        self._session: aiohttp.ClientSession
        self._stop: asyncio.Event

    @property
    def in_flight(self) -> InFlight:
        """Counts the transactions that are under way now."""
        return self._open

    def __enter__(self) -> Self:
        _allow_files(self._max_in_flight + SPARE_FILES)
        self._thread.start()
        self._ready.result()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # The loop may have ended by a defect of its own; then there is nothing to stop.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(CLOSE_WITHIN_S)
        if self._thread.is_alive():
            _log.error("the clients' thread did not end within %.0f s", CLOSE_WITHIN_S)

    def warm_up(self, count: int, deadline: Deadline) -> int:
        """Submit `count` transactions one after another and return how many were `ok`.

        One that is open at the deadline ends as `info`, and those after it are not submitted.
        """
        return self._call(self._warm_up(count, deadline)).result()

    def start(self, *, rate: float, duration_s: float, start_ns: int) -> Future[None]:
        """Begin to submit `rate` transactions a second.

        Args:
            rate: transactions a second.
            duration_s: the last one is meant to start before this is over.
            start_ns: when the first one is meant to start, on the monotonic clock.

        Returns:
            Done when the last one has started, not when it has ended.
        """
        return self._call(self._pace(rate, duration_s, start_ns))

    def run(self, *, rate: float, duration_s: float, start_ns: int) -> None:
        """Submit as `start` does, and return once the last one has started."""
        self.start(rate=rate, duration_s=duration_s, start_ns=start_ns).result()

    def start_reading(self, start_ns: int) -> None:
        """Let every reader begin at `start_ns`, on the monotonic clock."""
        self._call(self._start_reading(start_ns)).result()

    def stop_reading(self) -> None:
        """End the readers; a read that is under way is given up."""
        self._call(self._stop_reading()).result()

    def finish(self, deadline: Deadline) -> int:
        """Wait for the open transactions; those left at the deadline end as `info`. Return how many were left.

        Raises:
            InternalError: a transaction or a read could not be recorded.
        """
        left = self._call(self._finish(deadline)).result()
        if self._defects:
            raise InternalError(
                f"clients: {len(self._defects)} transactions or readers could not be recorded"
            ) from self._defects[0]
        return left

    def _call(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _serve(self) -> None:
        try:
            asyncio.run(self._hold_session())
        except BaseException as error:
            _log.exception("the clients' thread ended")
            if not self._ready.done():
                self._ready.set_exception(error)

    async def _hold_session(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        async with open_session(timeout_s=self._client.timeout_s) as self._session:
            self._ready.set_result(None)
            await self._stop.wait()
            await self._stop_reading()
            await self._finish(Deadline.after(0))

    async def _warm_up(self, count: int, deadline: Deadline) -> int:
        acknowledged = 0
        for _ in range(count):
            task = self._submit(self._draw(), time.monotonic_ns())
            await asyncio.wait([task], timeout=deadline.left_s)
            if not task.done():
                await self._finish(deadline)
                break
            acknowledged += not task.exception() and task.result() is Outcome.OK
        return acknowledged

    async def _pace(self, rate: float, duration_s: float, start_ns: int) -> None:
        # A tiny step back: 50/s for 0.1 s are 5 transactions, though 50 * 0.1 may be a bit more.
        for number in range(math.ceil(rate * duration_s - 1e-9)):
            intended_ns = start_ns + int(number * 1e9 / rate)
            drawn = self._draw()
            # Also 0 or less: when it is late, started requests must still get their turn to be sent.
            await asyncio.sleep((intended_ns - time.monotonic_ns()) / 1e9)
            if self._open.count() < self._max_in_flight:
                self._submit(drawn, intended_ns)
            else:
                reason = f"{self._max_in_flight} transactions were open already"
                self._submitter.refuse(drawn, intended_ns, reason)

    def _draw(self) -> Transaction:
        self._last_number += 1
        return transaction(self._last_number, seed=self._seed, generators=self._client.fields)

    def _submit(self, drawn: Transaction, intended_ns: int) -> asyncio.Task[Outcome]:
        task = asyncio.create_task(self._submitter.submit(self._session, drawn, intended_ns))
        self._open.tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Outcome]) -> None:
        self._open.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._defects.append(error)
            _log.error("a transaction could not be recorded", exc_info=error)

    async def _start_reading(self, start_ns: int) -> None:
        self._reading = [
            asyncio.create_task(reader.read_on(self._session, start_ns)) for reader in self._readers
        ]

    async def _stop_reading(self) -> None:
        reading, self._reading = self._reading, []
        for task in reading:
            task.cancel()
        for ended in await asyncio.gather(*reading, return_exceptions=True):
            if not isinstance(ended, asyncio.CancelledError):
                self._defects.append(ended)
                _log.error("a reader ended by itself", exc_info=ended)

    async def _finish(self, deadline: Deadline) -> int:
        if not self._open.tasks:
            return 0
        _, late = await asyncio.wait(self._open.tasks, timeout=deadline.left_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return len(late)


def _allow_files(wanted: int) -> None:
    """Raise this process's soft limit of open files as far as it may go: every open transaction is a socket."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if allowed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
