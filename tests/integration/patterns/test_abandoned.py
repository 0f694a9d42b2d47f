"""Requests that were given up while a participant stood still: dropped when it goes on, before they are begun."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection

import pytest

from tests.integration.patterns.saga_system import RunningWorker, Saga, post, until

pytestmark = pytest.mark.local

ABANDONED = [f"gone-{number}" for number in range(40)]


@contextmanager
def standing_still(worker: RunningWorker) -> Iterator[None]:
    """The worker is stopped in the block, as the kernel sees it: the port still takes connections and data."""
    os.kill(worker.pid, signal.SIGSTOP)
    try:
        until(lambda: worker.state == "T", 5, f"{worker.name} stands still")
        yield
    finally:
        os.kill(worker.pid, signal.SIGCONT)


def sent(worker: RunningWorker, path: str, tx: str) -> HTTPConnection:
    """Send a request; return its connection, which has not read the answer."""
    connection = HTTPConnection(worker.url.removeprefix("http://"), timeout=5)
    ask(connection, path, tx)
    return connection


def ask(connection: HTTPConnection, path: str, tx: str) -> None:
    """Send a request for 2 apples, or to put them back."""
    connection.request("POST", f"/{path}", json.dumps({"tx": tx, "sku": "apple", "quantity": 2}))


def answer(connection: HTTPConnection) -> tuple[int, str]:
    response = connection.getresponse()
    return response.status, str(json.loads(response.read())["answer"])


def reserved(saga: Saga) -> set[str]:
    return {str(tx) for (tx,) in saga.databases.rows("inventory-db", "select tx from barrier")}


def test_participant_that_stood_still_begins_only_what_somebody_waits_for(saga: Saga) -> None:
    inventory = saga.inventory
    with standing_still(inventory):
        for tx in ABANDONED:
            sent(inventory, "reserve", tx).close()
        waiting = sent(inventory, "reserve", "waits-1")
    with closing(waiting):
        assert answer(waiting) == (200, "done")
    until(lambda: all(inventory.story(tx) for tx in ABANDONED), 5, "every request is told of")
    assert {line.split(" ", 1)[1].strip() for tx in ABANDONED for line in inventory.story(tx)} == {
        "reserve dropped: whoever asked has gone"
    }
    assert reserved(saga) & {*ABANDONED, "waits-1"} == {"waits-1"}

    # What was dropped is as good as lost: asked again, it is done.
    again = {"tx": ABANDONED[0], "sku": "apple", "quantity": 2}
    assert post(f"{inventory.url}/reserve", again) == (200, {"answer": "done"})


def test_compensation_whose_sender_has_gone_is_dropped_and_its_repeat_is_not(saga: Saga) -> None:
    inventory = saga.inventory
    assert (
        post(f"{inventory.url}/reserve", {"tx": "back-1", "sku": "apple", "quantity": 2})[0] == 200
    )
    with standing_still(inventory):
        sent(inventory, "release", "back-1").close()
    until(lambda: "release dropped" in inventory.story("back-1")[-1], 5, "it is dropped")
    assert post(f"{inventory.url}/release", {"tx": "back-1"}) == (200, {"answer": "undone"})


def test_connection_on_which_a_second_request_is_asked_is_no_abandoned_one(saga: Saga) -> None:
    with closing(sent(saga.inventory, "reserve", "kept-1")) as connection:
        assert answer(connection) == (200, "done")
        with standing_still(saga.inventory):
            ask(connection, "release", "kept-1")
        assert answer(connection) == (200, "undone")
