"""What became of a transaction, asked from the system itself by `[client].outcome`."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

import aiohttp
import jmespath
import msgspec
from jmespath.exceptions import JMESPathError

from dtx.config.model import Client, OutcomeQuery
from dtx.core.deadline import Deadline
from dtx.core.history import Outcome
from dtx.core.observation import OutcomeRow
from dtx.workload.addresses import Addresses, Reply, UnservedError
from dtx.workload.failures import classify
from dtx.workload.generators import Transaction
from dtx.workload.rendering import OutcomeUrl, Resolve
from dtx.workload.session import open_session

CONCURRENCY = 32
TRIES = 3
RETRY_S = 0.1
LONGEST_DETAIL = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one question brought: `info` while the transaction is not at its end, or nobody could say.

    Attributes:
        is_answer: whether an HTTP answer came at all.
    """

    outcome: Outcome
    detail: str
    status: int | None = None
    is_answer: bool = True


class OutcomeQuestion:
    """Asks for one transaction after another."""

    def __init__(self, query: OutcomeQuery, resolve: Resolve) -> None:
        self._urls = [OutcomeUrl(url, resolve) for url in query.urls]
        # One round: whoever asks asks again.
        self._addresses = Addresses(len(self._urls), within_s=0)
        self._ok = jmespath.compile(query.ok)
        self._fail = jmespath.compile(query.fail)

    async def ask(self, session: aiohttp.ClientSession, transaction: Transaction) -> Answer:
        """Ask once; never raises for what the system does."""

        async def send(number: int) -> Reply:
            url = self._urls[number].of(transaction)
            async with session.get(url, allow_redirects=False) as response:
                return Reply(status=response.status, body=await response.read())

        try:
            reply = await self._addresses.ask(send)
            return self.read(reply.status, reply.body)
        except UnservedError as error:
            return Answer(outcome=Outcome.INFO, detail=error.detail, is_answer=False)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            return Answer(outcome=Outcome.INFO, detail=classify(error)[1], is_answer=False)

    def read(self, status: int, body: bytes) -> Answer:
        """Return what an answer means; an expression that both or neither call true decides nothing."""
        text = shown(body)
        if status != 200:
            return Answer(outcome=Outcome.INFO, detail=f"HTTP {status}: {text}", status=status)
        try:
            document = msgspec.json.decode(body)
            is_ok = self._ok.search(document) is True
            is_fail = self._fail.search(document) is True
        except (msgspec.DecodeError, UnicodeDecodeError, JMESPathError) as error:
            return Answer(outcome=Outcome.INFO, detail=f"{error}: {text}", status=status)
        if is_ok == is_fail:
            return Answer(outcome=Outcome.INFO, detail=text, status=status)
        outcome = Outcome.OK if is_ok else Outcome.FAIL
        return Answer(outcome=outcome, detail=text, status=status)


def ask_outcomes(
    client: Client, resolve: Resolve, transactions: Iterable[Transaction], *, deadline: Deadline
) -> tuple[OutcomeRow, ...]:
    """Ask for many transactions side by side, and return one row for each, in their order.

    Args:
        client: of the system; without an outcome query every row is `info`.
        resolve: to addresses of the workers themselves, not of proxies.
        transactions: those to ask for.
        deadline: when to stop; rows that were not asked by then are `info`.
    """
    wanted = tuple(transactions)
    if client.outcome is None:
        return tuple(
            OutcomeRow(tx=t.tx, outcome=Outcome.INFO, detail="the system has no outcome query")
            for t in wanted
        )
    question = OutcomeQuestion(client.outcome, resolve)
    return asyncio.run(_ask_all(question, wanted, client.timeout_s, deadline))


async def _ask_all(
    question: OutcomeQuestion,
    wanted: tuple[Transaction, ...],
    timeout_s: float,
    deadline: Deadline,
) -> tuple[OutcomeRow, ...]:
    rows: dict[str, OutcomeRow] = {}
    waiting = iter(wanted)

    async def work(session: aiohttp.ClientSession) -> None:
        for transaction in waiting:
            rows[transaction.tx] = await _ask_again(question, session, transaction)

    async with open_session(timeout_s=timeout_s) as session:
        workers = [asyncio.create_task(work(session)) for _ in range(CONCURRENCY)]
        _, late = await asyncio.wait(workers, timeout=deadline.left_s)
        for worker in late:
            worker.cancel()
        results = await asyncio.gather(*workers, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result
    return tuple(
        rows.get(t.tx, OutcomeRow(tx=t.tx, outcome=Outcome.INFO, detail="not asked in time"))
        for t in wanted
    )


async def _ask_again(
    question: OutcomeQuestion, session: aiohttp.ClientSession, transaction: Transaction
) -> OutcomeRow:
    """Ask until there is an answer, a few times: a worker that just came up may drop one connection."""
    answer = await question.ask(session, transaction)
    for _ in range(TRIES - 1):
        if answer.is_answer:
            break
        await asyncio.sleep(RETRY_S)
        answer = await question.ask(session, transaction)
    return OutcomeRow(tx=transaction.tx, outcome=answer.outcome, detail=answer.detail)


def shown(body: bytes) -> str:
    """Return the beginning of an answer for a detail, on one line."""
    text = " ".join(body[: LONGEST_DETAIL * 4].decode(errors="replace").split())
    return text if len(text) <= LONGEST_DETAIL else text[:LONGEST_DETAIL] + "..."
