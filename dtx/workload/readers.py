"""The reading clients: each reads again and again while others submit, and records what it was told.

As with transactions the loop is open: a read is due when the clock says so. Each interval has one read, at a moment that
the seed draws: at fixed moments it would meet transactions, which begin at fixed moments too, always at the same point of
their way, and might never see one half done. A reader has one read under way at most; what becomes due meanwhile is
left out and counted.
"""

import asyncio
import random
import time
from dataclasses import dataclass
from typing import NoReturn

import aiohttp

from dtx.config.model import Reader, ReaderQuestion, Request
from dtx.core.history import Answer, Read
from dtx.core.ports import Recorder
from dtx.workload.failures import classify
from dtx.workload.generators import Transaction
from dtx.workload.readings import AnswerReader, UnreadableError
from dtx.workload.rendering import RequestRenderer, Resolve

_NO_TRANSACTION = Transaction(tx="", fields={})
"""A reader's requests have no fields of one."""


class ReadingClient:
    """One reader of the system's file."""

    def __init__(self, reader: Reader, resolve: Resolve, recorder: Recorder, *, seed: int) -> None:
        self._name = reader.name
        self._every_ns = round(reader.every_s * 1e9)
        self._timeout = aiohttp.ClientTimeout(total=reader.timeout_s)
        self._questions = [(question, AnswerReader(question)) for question in reader.questions]
        self._resolve = resolve
        self._recorder = recorder
        self._chance = random.Random(f"{seed} {reader.name}")

    async def read_on(self, session: aiohttp.ClientSession, start_ns: int) -> NoReturn:
        """Read from `start_ns` on until cancelled; a read that is then under way is not recorded."""
        interval, skipped = 0, 0
        while True:
            due_ns = start_ns + round((interval + self._chance.random()) * self._every_ns)
            # Also 0 or less: what else is due in this loop must get its turn.
            await asyncio.sleep((due_ns - time.monotonic_ns()) / 1e9)
            self._recorder.append(await self._read(session, skipped))
            now = (time.monotonic_ns() - start_ns) // self._every_ns
            skipped = max(0, now - interval - 1)
            interval += skipped + 1

    async def _read(self, session: aiohttp.ClientSession, skipped: int) -> Read:
        began_ns, error = time.monotonic_ns(), ""
        answers: list[Answer] = []
        fetched: list[tuple[Request, _Fetched]] = []
        for question, reader in self._questions:
            try:
                # Equal requests are sent once: one answer may tell of several participants, at one moment.
                found = next((f for r, f in fetched if r == question.request), None)
                if found is None:
                    found = await self._fetch(session, question.request)
                    fetched.append((question.request, found))
                answers.append(await _answer(question, reader, found))
            except UnreadableError as problem:
                error = f"{question.participant}: {problem}"
                break
            except (TimeoutError, aiohttp.ClientError, OSError) as problem:
                error = f"{question.participant}: {classify(problem)[1]}"
                break
        return Read(
            at_ns=time.monotonic_ns(),
            reader=self._name,
            began_ns=began_ns,
            answers=tuple(answers),
            skipped=skipped,
            error=error,
        )

    async def _fetch(self, session: aiohttp.ClientSession, request: Request) -> "_Fetched":
        renderer = RequestRenderer(request, self._resolve)
        asked_ns = time.monotonic_ns()
        async with session.request(
            renderer.method,
            renderer.url(_NO_TRANSACTION),
            json=renderer.body(_NO_TRANSACTION) if renderer.has_body else None,
            timeout=self._timeout,
            allow_redirects=False,
        ) as response:
            body = await response.read()
            return _Fetched(
                asked_ns=asked_ns,
                answered_ns=time.monotonic_ns(),
                status=response.status,
                body=body,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fetched:
    asked_ns: int
    answered_ns: int
    status: int
    body: bytes


async def _answer(question: ReaderQuestion, reader: AnswerReader, fetched: _Fetched) -> Answer:
    # In a thread: thousands of ids take milliseconds, and in this loop transactions would start late by them.
    reading = await asyncio.to_thread(reader.read, fetched.status, fetched.body)
    return Answer(
        participant=question.participant,
        asked_ns=fetched.asked_ns,
        answered_ns=fetched.answered_ns,
        value=reading.value,
        added=reading.added,
        removed=reading.removed,
        pending=reading.pending,
    )
