"""The driver against a real server over real sockets."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from dtx.config.model import Client, OutcomeQuery, Reference, Template
from dtx.core.deadline import Deadline, poll_until
from dtx.core.history import Accepted, Completed, Invoked, Outcome
from dtx.workload.driver import Driver
from dtx.workload.generators import Transaction
from dtx.workload.outcomes import ask_outcomes
from tests.integration.workload.orders_server import OrdersServer
from tests.support.fakes import FakeRecorder
from tests.support.systems import a_client

TIMEOUT_S = 0.5


def client(method: str = "POST") -> Client:
    base = a_client()
    url = Template(
        parts=(
            Reference(kind="workers", name="orders", field="url"),
            "/transactions/",
            Reference(kind="", name="", field="tx"),
        )
    )
    return replace(
        base,
        timeout_s=TIMEOUT_S,
        request=replace(base.request, method=method),
        outcome=OutcomeQuery(url=url, ok="status == 'CONFIRMED'", fail="status == 'REJECTED'"),
    )


class Bench:
    """A server, a driver on it, and what was recorded."""

    def __init__(self, server: OrdersServer, driver: Driver, recorder: FakeRecorder) -> None:
        self.server = server
        self.driver = driver
        self.recorder = recorder

    def run(self, *, rate: float = 100, duration_s: float = 0.1) -> None:
        self.driver.run(rate=rate, duration_s=duration_s, start_ns=time.monotonic_ns())

    def invoked(self) -> dict[str, Invoked]:
        return {e.tx: e for e in self.recorder.entries if isinstance(e, Invoked)}

    def completed(self) -> dict[str, Completed]:
        ends = [e for e in self.recorder.entries if isinstance(e, Completed)]
        assert len(ends) == len({e.tx for e in ends}), "an operation ended twice"
        return {e.tx: e for e in ends}


@contextmanager
def bench(
    behaviour: Callable[[str], str], *, method: str = "POST", max_in_flight: int = 100
) -> Iterator[Bench]:
    recorder = FakeRecorder()
    with (
        OrdersServer(behaviour) as server,
        Driver(
            client(method),
            lambda _: server.url,
            recorder,
            seed=7,
            max_in_flight=max_in_flight,
        ) as driver,
    ):
        yield Bench(server, driver, recorder)


@pytest.mark.parametrize(
    ("behaviour", "outcome", "status", "detail"),
    [
        ("ok", Outcome.OK, 201, ""),
        ("refuse", Outcome.FAIL, 409, "out of stock"),
        ("error", Outcome.INFO, 500, "it broke"),
        ("odd", Outcome.INFO, 302, "HTTP 302"),
        ("hang", Outcome.INFO, None, "time-out"),
        ("reset", Outcome.INFO, None, ""),
        ("close", Outcome.INFO, None, "without an answer"),
        ("cut", Outcome.INFO, None, ""),
    ],
)
def test_an_answer_means_what_the_contract_says(
    behaviour: str, outcome: Outcome, status: int | None, detail: str
) -> None:
    with bench(lambda _: behaviour) as b:
        b.run()
        assert b.driver.finish(Deadline.after(5)) == 0
        ends = b.completed()
        assert set(ends) == set(b.invoked())
        assert len(ends) == 10
        for end in ends.values():
            assert (end.outcome, end.status) == (outcome, status)
            assert detail in end.detail
            assert end.detail or outcome is Outcome.OK


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("behaviour", ["reset", "close"])
def test_no_request_is_sent_twice(method: str, behaviour: str) -> None:
    # The first goes well and leaves a connection behind: aiohttp repeats requests on used connections only.
    with bench(lambda tx: "ok" if tx == "t000001" else behaviour, method=method) as b:
        b.driver.warm_up(1, Deadline.after(5))
        b.driver.warm_up(1, Deadline.after(5))
        assert b.server.seen == {"t000001": 1, "t000002": 1}


def test_a_refused_connection_is_a_refusal() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    recorder = FakeRecorder()
    with Driver(client(), lambda _: f"http://127.0.0.1:{port}", recorder, seed=7) as driver:
        driver.warm_up(1, Deadline.after(5))
    (end,) = (e for e in recorder.entries if isinstance(e, Completed))
    assert end.outcome is Outcome.FAIL
    assert "Connect" in end.detail


def test_second_address_serves_when_the_first_is_gone_and_is_asked_for_the_outcome_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        gone = f"http://127.0.0.1:{closed.getsockname()[1]}"
    one = client()
    assert one.outcome is not None
    both = replace(
        one,
        request=replace(one.request, others=(at_second(one.request.url),)),
        outcome=replace(one.outcome, others=(at_second(one.outcome.url),)),
    )
    recorder = FakeRecorder()
    with OrdersServer(lambda _: "accept") as server:
        addresses = {"orders": gone, "second": server.url}
        with Driver(both, lambda r: addresses[r.name], recorder, seed=7) as driver:
            driver.warm_up(2, Deadline.after(5))
            assert driver.finish(Deadline.after(5)) == 0
        assert server.seen == {"t000001": 1, "t000002": 1}
    ends = [e.outcome for e in recorder.entries if isinstance(e, Completed)]
    assert ends == [Outcome.FAIL, Outcome.OK]


def at_second(url: Template) -> Template:
    return Template(
        parts=tuple(
            replace(part, name="second") if isinstance(part, Reference) and part.kind else part
            for part in url.parts
        )
    )


def test_starts_do_not_wait_for_answers() -> None:
    with bench(lambda _: "hang") as b:
        start_ns = time.monotonic_ns() + 20_000_000
        b.driver.run(rate=100, duration_s=0.3, start_ns=start_ns)
        # One after another, 30 transactions that hang would take 15 s.
        assert time.monotonic_ns() - start_ns < 5_000_000_000
        kinds = [type(e) for e in b.recorder.entries]
        assert Completed not in kinds[:10]
        b.driver.finish(Deadline.after(5))
        assert b.driver.in_flight.count() == 0
        intended = [e.intended_ns - start_ns for e in b.invoked().values()]
        assert intended == [i * 10_000_000 for i in range(30)]


def test_what_was_accepted_is_asked_for_until_it_is_known() -> None:
    with bench(lambda _: "accept") as b:
        b.run()
        assert b.driver.finish(Deadline.after(5)) == 0
        ends = b.completed()
        assert {e.tx for e in b.recorder.entries if isinstance(e, Accepted)} == set(ends)
        for tx, end in ends.items():
            assert end.outcome is (Outcome.FAIL if int(tx[1:]) % 2 else Outcome.OK)
        assert set(b.server.asked.values()) == {2}


def test_what_is_not_known_by_the_deadline_is_unknown() -> None:
    with bench(lambda _: "accept-lost") as b:
        b.run()
        assert b.driver.finish(Deadline.after(0.3)) == 10
        ends = b.completed()
        assert len(ends) == 10
        assert all(e.outcome is Outcome.INFO for e in ends.values())
        assert all("deadline" in e.detail for e in ends.values())


def test_leaving_the_driver_ends_what_is_open_as_unknown() -> None:
    with bench(lambda _: "hang") as b:
        b.run()
    ends = b.completed()
    assert set(ends) == set(b.invoked())
    assert all(e.outcome is Outcome.INFO for e in ends.values())


def test_too_many_open_transactions_are_not_sent_and_certainly_have_no_effect() -> None:
    with bench(lambda _: "hang", max_in_flight=4) as b:
        b.run()
        assert poll_until(lambda: sum(b.server.seen.values()) == 4, Deadline.after(5))
        refused = [e for e in b.completed().values() if e.outcome is Outcome.FAIL]
        assert len(refused) == 6
        assert all(e.detail.startswith("not sent") for e in refused)


def test_the_warm_up_submits_one_after_another_and_counts_the_acknowledged() -> None:
    with bench(lambda tx: "refuse" if tx == "t000002" else "ok") as b:
        assert b.driver.warm_up(3, Deadline.after(5)) == 2
        kinds = [type(e) for e in b.recorder.entries]
        assert kinds == [Invoked, Completed] * 3
        b.run(rate=10, duration_s=0.1)
        assert "t000004" in b.invoked(), "numbers go on"


def test_a_warm_up_that_hangs_ends_at_its_deadline() -> None:
    with bench(lambda _: "accept-lost") as b:
        assert b.driver.warm_up(3, Deadline.after(0.2)) == 0
        assert [e.outcome for e in b.completed().values()] == [Outcome.INFO]


def test_the_same_seed_submits_the_same_values_whatever_the_rate() -> None:
    def values(rate: float) -> dict[str, object]:
        with bench(lambda _: "ok") as b:
            b.run(rate=rate, duration_s=10 / rate)
            b.driver.finish(Deadline.after(5))
            return {tx: e.value for tx, e in b.invoked().items()}

    assert values(50) == values(500)


def test_outcomes_are_asked_side_by_side_and_returned_in_order() -> None:
    with OrdersServer(lambda _: "ok") as server:
        server.known_after = 1
        asked = [Transaction(tx=f"t{i:06d}", fields={}) for i in range(100)]
        rows = ask_outcomes(client(), lambda _: server.url, asked, deadline=Deadline.after(5))
    assert [row.tx for row in rows] == [t.tx for t in asked]
    assert [row.outcome for row in rows] == ["ok", "fail"] * 50


def test_outcomes_of_a_system_that_is_gone_are_unknown() -> None:
    with OrdersServer(lambda _: "ok") as server:
        url = server.url
    asked = [Transaction(tx="t000001", fields={})]
    (row,) = ask_outcomes(client(), lambda _: url, asked, deadline=Deadline.after(5))
    assert row.outcome == "info"
    assert "Connect" in row.detail
