"""Reading clients against a real server over real sockets, beside a driver that submits."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dtx.config.model import Reader, ReaderQuestion, Reference, Request, Template
from dtx.core.deadline import Deadline, poll_until
from dtx.core.errors import InternalError
from dtx.core.history import HistoryEntry, Invoked, Read
from dtx.workload.driver import Driver
from dtx.workload.readers import ReadingClient
from tests.support.fakes import FakeRecorder
from tests.support.systems import a_client

EVERY_S = 0.02


class Bank:
    """Answers `/NAME` with what `says` has under NAME; None lets it wait until the bank closes."""

    def __init__(self) -> None:
        self.says: dict[str, dict[str, object] | int | None] = {}
        self.asked: Counter[str] = Counter()
        self.closing = threading.Event()

    @contextmanager
    def open(self) -> Iterator[str]:
        bank = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                bank.asked[self.path] += 1
                said = bank.says.get(self.path[1:], 404)
                if said is None:
                    bank.closing.wait()
                    return
                status, document = (said, {}) if isinstance(said, int) else (200, said)
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                del args

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            self.closing.set()
            server.shutdown()
            server.server_close()
            thread.join()


def a_reader(*paths: str, timeout_s: float = 2.0) -> Reader:
    return Reader(
        name="sums",
        every_s=EVERY_S,
        timeout_s=timeout_s,
        questions=tuple(question(f"{index}-db", path) for index, path in enumerate(paths)),
        total=None,
    )


def question(participant: str, path: str) -> ReaderQuestion:
    url = Template(parts=(Reference(kind="workers", name="bank", field="url"), f"/{path}"))
    return ReaderQuestion(
        participant=participant,
        request=Request(method="GET", url=url, json=None),
        value="total",
        seen="seen",
        pending=None,
    )


class Bench:
    """A driver with readers on a bank, and what they recorded."""

    def __init__(self, driver: Driver, recorder: FakeRecorder) -> None:
        self.driver = driver
        self.recorder = recorder

    @property
    def reads(self) -> list[Read]:
        return [entry for entry in tuple(self.recorder.entries) if isinstance(entry, Read)]

    def wait_for(self, what: Callable[[Sequence[Read]], bool]) -> None:
        assert poll_until(lambda: what(self.reads), Deadline.after(10), every_s=0.01)


@contextmanager
def reading(bank: Bank, *readers: Reader, recorder: FakeRecorder | None = None) -> Iterator[Bench]:
    recorder = recorder or FakeRecorder()
    with (
        bank.open() as url,
        Driver(
            a_client(),
            lambda _: url,
            recorder,
            seed=7,
            readers=[ReadingClient(reader, lambda _: url, recorder, seed=7) for reader in readers],
        ) as driver,
    ):
        driver.start_reading(time.monotonic_ns())
        yield Bench(driver, recorder)


def test_every_participant_is_asked_in_turn_and_the_read_is_recorded_whole() -> None:
    bank = Bank()
    bank.says = {"a": {"total": 5, "seen": ["t1"]}, "b": {"total": -2, "seen": []}}
    with reading(bank, a_reader("a", "b")) as bench:
        bench.wait_for(lambda reads: len(reads) >= 2)
        bank.says["b"] = {"total": 0, "seen": ["t1"]}
        bench.wait_for(lambda reads: reads[-1].answers[1].value == 0)
    first, *_, last = bench.reads
    assert [answer.participant for answer in first.answers] == ["0-db", "1-db"]
    assert [answer.value for answer in first.answers] == [5, -2]
    one, other = first.answers
    times = (first.began_ns, one.asked_ns, one.answered_ns, other.asked_ns, other.answered_ns)
    assert list(times) == sorted(times)
    assert times[-1] <= first.at_ns
    assert first.error == last.error == ""
    assert [answer.added for answer in first.answers] == [("t1",), ()]
    changes = [read.answers[1].added for read in bench.reads if read.answers[1].added]
    assert changes == [("t1",)]


def test_reads_are_due_by_the_clock_and_those_due_during_one_are_counted() -> None:
    bank = Bank()
    bank.says = {"a": {"total": 5, "seen": []}, "slow": None}
    with reading(bank, a_reader("a", "slow", timeout_s=0.3)) as bench:
        bench.wait_for(lambda reads: len(reads) >= 2)
    first, second, *_ = bench.reads
    assert first.skipped == 0
    assert second.skipped >= 0.3 / EVERY_S - 1
    assert second.began_ns >= first.at_ns, "two reads of one reader were under way"


def test_question_without_an_answer_ends_the_read_with_its_error() -> None:
    bank = Bank()
    bank.says = {"a": {"total": 5, "seen": ["t1"]}, "b": 500, "c": {"total": 1, "seen": []}}
    with reading(bank, a_reader("a", "b", "c")) as bench:
        bench.wait_for(lambda reads: len(reads) >= 2)
    for read in bench.reads:
        assert [answer.participant for answer in read.answers] == ["0-db"]
        assert read.error.startswith("1-db: HTTP 500")
    assert "/c" not in bank.asked


def test_no_answer_in_time_is_an_error_in_words() -> None:
    bank = Bank()
    bank.says = {"slow": None}
    with reading(bank, a_reader("slow", timeout_s=0.1)) as bench:
        bench.wait_for(lambda reads: len(reads) >= 1)
    assert bench.reads[0].error == "0-db: no answer within the client's time-out"


def test_equal_requests_are_sent_once_a_read() -> None:
    bank = Bank()
    bank.says = {"both": {"total": 5, "seen": []}}
    with reading(bank, a_reader("both", "both")) as bench:
        bench.wait_for(lambda reads: len(reads) >= 3)
        bench.driver.stop_reading()
        assert len(bench.reads) <= bank.asked["/both"] <= len(bench.reads) + 1
    assert all(len(read.answers) == 2 for read in bench.reads)
    assert all(len({answer.asked_ns for answer in read.answers}) == 1 for read in bench.reads)


def test_stopped_reader_reads_no_more() -> None:
    bank = Bank()
    bank.says = {"a": {"total": 5, "seen": []}, "slow": None}
    with reading(bank, a_reader("a"), a_reader("slow")) as bench:
        bench.wait_for(lambda reads: len(reads) >= 1)
        bench.driver.stop_reading()
        asked, recorded = bank.asked["/a"], len(bench.reads)
        bench.driver.stop_reading()
        bench.driver.finish(Deadline.after(0))
    assert (bank.asked["/a"], len(bench.reads)) == (asked, recorded)


def test_reads_under_way_neither_count_as_transactions_nor_hold_them_up() -> None:
    bank = Bank()
    bank.says = {"slow": None}
    with reading(bank, a_reader("slow", timeout_s=5)) as bench:
        assert poll_until(lambda: bank.asked["/slow"] == 1, Deadline.after(5))
        assert bench.driver.in_flight.count() == 0
        bench.driver.run(rate=100, duration_s=0.1, start_ns=time.monotonic_ns())
        assert len([e for e in bench.recorder.entries if isinstance(e, Invoked)]) == 10
        assert bench.reads == []


class FullDisk(FakeRecorder):
    """Has no room for reads."""

    def __init__(self) -> None:
        super().__init__()
        self.was_full = threading.Event()

    def append(self, entry: HistoryEntry) -> None:
        if isinstance(entry, Read):
            self.was_full.set()
            raise OSError(28, "No space left on device")
        super().append(entry)


def test_reader_that_can_not_record_is_a_defect_and_not_silence() -> None:
    bank = Bank()
    bank.says = {"a": {"total": 5, "seen": []}}
    disk = FullDisk()
    with reading(bank, a_reader("a"), recorder=disk) as bench:
        assert disk.was_full.wait(5)
        bench.driver.stop_reading()
        with pytest.raises(InternalError, match="readers"):
            bench.driver.finish(Deadline.after(1))


def test_each_interval_has_a_read_at_a_moment_of_its_own() -> None:
    bank = Bank()
    bank.says = {"a": {"total": 0, "seen": []}}
    began_ns = time.monotonic_ns()
    with reading(bank, a_reader("a")) as bench:
        bench.wait_for(lambda reads: len(reads) >= 12)
    every_ns = EVERY_S * 1e9
    intervals = [(read.began_ns - began_ns) / every_ns for read in bench.reads]
    # Where in its interval each read began: fixed moments would all be the same.
    parts = {round(moment % 1, 1) for moment in intervals}
    assert len(parts) >= 4
    assert [int(moment) for moment in intervals] == sorted(int(moment) for moment in intervals)
