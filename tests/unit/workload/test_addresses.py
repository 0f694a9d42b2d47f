"""Several addresses: who is asked when, and what is known when nobody served."""

import aiohttp
import pytest

from dtx.core.history import Outcome
from dtx.workload.addresses import Addresses, Reply, UnservedError
from tests.unit.patterns.instant_loop import run_instantly

OK = Reply(status=201, body=b"done")
NOT_HERE = Reply(status=503, body=b"not the leader")
REFUSED = aiohttp.ConnectionTimeoutError()
BROKEN = aiohttp.ServerDisconnectedError()


class Service:
    """What each address does, from now on; and who was asked."""

    def __init__(self, *does: Reply | Exception) -> None:
        self.does = list(does)
        self.asked: list[int] = []

    async def send(self, number: int) -> Reply:
        self.asked.append(number)
        done = self.does[number]
        if isinstance(done, Exception):
            raise done
        return done


@pytest.mark.parametrize("does", [NOT_HERE, REFUSED, BROKEN, TimeoutError()])
def test_who_does_not_serve_is_passed_over(does: Reply | Exception) -> None:
    service = Service(does, OK)
    addresses = Addresses(2, within_s=1.0)
    assert run_instantly(addresses.ask(service.send)) == OK
    assert service.asked == [0, 1]


def test_who_served_last_is_asked_first() -> None:
    service = Service(NOT_HERE, NOT_HERE, OK)
    addresses = Addresses(3, within_s=1.0)
    run_instantly(addresses.ask(service.send))
    service.asked.clear()
    run_instantly(addresses.ask(service.send))
    assert service.asked == [2]


def test_refusal_is_an_answer() -> None:
    refused = Reply(status=409, body=b"no money")
    service = Service(refused, OK)
    assert run_instantly(Addresses(2, within_s=1.0).ask(service.send)) == refused


def test_rounds_go_on_until_one_serves() -> None:
    service = Service(REFUSED, NOT_HERE)

    async def send(number: int) -> Reply:
        if len(service.asked) == 7:
            service.does[1] = OK
        return await service.send(number)

    assert run_instantly(Addresses(2, within_s=1.0).ask(send)) == OK
    assert service.asked == [0, 1] * 4


def test_rounds_end_when_the_time_is_over() -> None:
    service = Service(NOT_HERE, NOT_HERE)
    with pytest.raises(UnservedError, match="none of 2 addresses served, at last: HTTP 503"):
        run_instantly(Addresses(2, within_s=0.25).ask(service.send))
    assert len(service.asked) == 8


@pytest.mark.parametrize(
    ("does", "outcome"),
    [
        ((REFUSED, REFUSED), Outcome.FAIL),
        ((BROKEN, REFUSED), Outcome.INFO),
        ((REFUSED, NOT_HERE), Outcome.INFO),
    ],
)
def test_only_what_was_sent_nowhere_certainly_has_no_effect(
    does: tuple[Reply | Exception, ...], outcome: Outcome
) -> None:
    with pytest.raises(UnservedError) as caught:
        run_instantly(Addresses(2, within_s=0).ask(Service(*does).send))
    assert caught.value.outcome is outcome


def test_single_address_is_asked_once_and_its_answer_is_that() -> None:
    service = Service(NOT_HERE)
    assert run_instantly(Addresses(1, within_s=1.0).ask(service.send)) == NOT_HERE
    service.does = [BROKEN]
    with pytest.raises(aiohttp.ServerDisconnectedError):
        run_instantly(Addresses(1, within_s=1.0).ask(service.send))
    assert service.asked == [0, 0]
