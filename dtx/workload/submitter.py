"""The submitting client: one transaction from its request to its end, recorded as Jepsen writes operations."""

import asyncio
import time
from dataclasses import dataclass

import aiohttp

from dtx.config.model import Client
from dtx.core.history import Accepted, Completed, Invoked, Outcome
from dtx.core.ports import Recorder
from dtx.workload.addresses import Addresses, Reply, UnservedError
from dtx.workload.failures import classify
from dtx.workload.generators import Transaction
from dtx.workload.outcomes import OutcomeQuestion, shown
from dtx.workload.processes import Processes
from dtx.workload.rendering import RequestRenderer, Resolve

FIRST_WAIT_S = 0.05
LONGEST_WAIT_S = 1.0
BACK_OFF = 1.6


@dataclass(frozen=True, slots=True)
class _End:
    outcome: Outcome
    status: int | None = None
    detail: str = ""


class Submitter:
    """Submits transactions over one session; every `Invoked` gets exactly one `Completed`, cancelled or not."""

    def __init__(self, client: Client, resolve: Resolve, recorder: Recorder) -> None:
        self._renderer = RequestRenderer(client.request, resolve)
        self._question = OutcomeQuestion(client.outcome, resolve) if client.outcome else None
        self._addresses = Addresses(self._renderer.addresses, within_s=client.timeout_s)
        self._recorder = recorder
        self._processes = Processes()
        self._ok = frozenset(client.ok)
        self._fail = frozenset(client.fail)
        self._accepted = frozenset(client.accepted)

    async def submit(
        self, session: aiohttp.ClientSession, transaction: Transaction, intended_ns: int
    ) -> Outcome:
        """Submit, follow to its end, and record both; cancelling ends it as `info`."""
        process = self._invoke(transaction, intended_ns)
        try:
            end = await self._follow(session, transaction, process)
        except asyncio.CancelledError:
            self._complete(
                transaction, process, _End(Outcome.INFO, None, "no outcome by the deadline")
            )
            raise
        except UnservedError as error:
            end = _End(error.outcome, None, error.detail)
        except Exception as error:  # A broken answer or a defect: either way nothing is known.
            outcome, detail = classify(error)
            end = _End(outcome, None, detail)
        self._complete(transaction, process, end)
        return end.outcome

    def refuse(self, transaction: Transaction, intended_ns: int, reason: str) -> None:
        """Record a transaction that was not sent at all: it certainly has no effect."""
        process = self._invoke(transaction, intended_ns)
        self._complete(transaction, process, _End(Outcome.FAIL, None, f"not sent: {reason}"))

    async def _follow(
        self, session: aiohttp.ClientSession, transaction: Transaction, process: int
    ) -> _End:
        async def send(number: int) -> Reply:
            renderer = self._renderer
            async with session.request(
                renderer.method,
                renderer.url(transaction, number),
                json=renderer.body(transaction) if renderer.has_body else None,
                allow_redirects=False,
            ) as response:
                # The answer is read to its end: a cut one is not an answer, and the connection is used again.
                return Reply(status=response.status, body=await response.read())

        reply = await self._addresses.ask(send)
        status, body = reply.status, reply.body
        if status in self._ok:
            return _End(Outcome.OK, status)
        if status in self._fail:
            return _End(Outcome.FAIL, status, shown(body))
        if status in self._accepted:
            return await self._ask_until_known(session, transaction, process, status)
        return _End(Outcome.INFO, status, f"HTTP {status}: {shown(body)}")

    async def _ask_until_known(
        self, session: aiohttp.ClientSession, transaction: Transaction, process: int, status: int
    ) -> _End:
        self._recorder.append(
            Accepted(at_ns=time.monotonic_ns(), tx=transaction.tx, process=process, status=status)
        )
        if self._question is None:
            return _End(Outcome.INFO, status, "accepted, and the system has no outcome query")
        wait_s = FIRST_WAIT_S
        while True:
            await asyncio.sleep(wait_s)
            answer = await self._question.ask(session, transaction)
            if answer.outcome is not Outcome.INFO:
                return _End(answer.outcome, answer.status, answer.detail)
            wait_s = min(wait_s * BACK_OFF, LONGEST_WAIT_S)

    def _invoke(self, transaction: Transaction, intended_ns: int) -> int:
        process = self._processes.take()
        self._recorder.append(
            Invoked(
                at_ns=time.monotonic_ns(),
                tx=transaction.tx,
                process=process,
                intended_ns=intended_ns,
                value=dict(transaction.fields),
            )
        )
        return process

    def _complete(self, transaction: Transaction, process: int, end: _End) -> None:
        self._recorder.append(
            Completed(
                at_ns=time.monotonic_ns(),
                tx=transaction.tx,
                process=process,
                outcome=end.outcome,
                status=end.status,
                detail=end.detail,
            )
        )
        self._processes.give_back(process, end.outcome)
