"""The table of the client's exceptions is complete, and `fail` only where nothing was sent."""

import asyncio
import inspect
from collections.abc import Iterator
from unittest.mock import Mock

import aiohttp
import pytest
from aiohttp import client_exceptions

from dtx.core.history import Outcome
from dtx.workload.failures import OUTCOMES, classify


def client_exception_classes() -> Iterator[type[BaseException]]:
    for module in (aiohttp, client_exceptions):
        for name in (*vars(module), *getattr(module, "__all__", ())):
            value = getattr(module, name, None)
            if inspect.isclass(value) and issubclass(value, aiohttp.ClientError):
                yield value
    yield from _below(aiohttp.ClientError)


def _below(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    for child in kind.__subclasses__():
        if child.__module__.startswith("aiohttp"):
            yield child
            yield from _below(child)


def test_every_exception_class_of_the_client_is_in_the_table() -> None:
    missing = {kind.__name__ for kind in client_exception_classes() if kind not in OUTCOMES}
    assert not missing, "say in dtx/workload/failures.py what these mean"


@pytest.mark.parametrize(
    "kind",
    [
        aiohttp.ServerDisconnectedError,
        aiohttp.ClientOSError,
        aiohttp.ClientConnectionResetError,
        aiohttp.ClientPayloadError,
        aiohttp.SocketTimeoutError,
        asyncio.TimeoutError,
    ],
)
def test_a_conversation_that_broke_is_unknown(kind: type[BaseException]) -> None:
    assert classify(kind())[0] is Outcome.INFO


def test_a_refused_connection_is_a_refusal() -> None:
    error = aiohttp.ClientConnectorError.__new__(aiohttp.ClientConnectorError)
    kind = next(k for k in type(error).__mro__ if k in OUTCOMES)
    assert OUTCOMES[kind] is Outcome.FAIL


def test_an_exception_that_nobody_knows_is_unknown() -> None:
    assert classify(ZeroDivisionError("odd")) == (Outcome.INFO, "ZeroDivisionError: odd")


def test_a_subclass_that_is_not_in_the_table_means_what_its_parent_means() -> None:
    class Newer(aiohttp.ServerDisconnectedError):
        pass

    assert classify(Newer())[0] is Outcome.INFO


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (aiohttp.ServerDisconnectedError(), "connection closed without an answer"),
        (aiohttp.ServerDisconnectedError("half"), "connection closed without an answer: half"),
        (
            aiohttp.ClientOSError(104, "reset by peer"),
            "connection broke: [Errno 104] reset by peer",
        ),
        (aiohttp.ClientConnectionResetError("closing"), "connection broke: closing"),
        (aiohttp.SocketTimeoutError(), "no answer in time"),
    ],
)
def test_broken_conversations_are_said_in_words(error: Exception, words: str) -> None:
    assert classify(error) == (Outcome.INFO, words)


def test_a_connection_that_never_was_is_said_in_words() -> None:
    refused = ConnectionRefusedError(111, "Connect call failed")
    error = aiohttp.ClientConnectorError(Mock(host="127.0.0.1", port=1, ssl=True), refused)
    outcome, words = classify(error)
    assert (outcome, words.partition(":")[0]) == (Outcome.FAIL, "no connection")


def test_a_time_out_is_said_in_words() -> None:
    assert classify(TimeoutError()) == (Outcome.INFO, "no answer within the client's time-out")
