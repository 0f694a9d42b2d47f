"""What workers write is stamped and kept, whatever it is and however they end."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dtx.core.run_folder import RunFolder
from dtx.targets.workers.logs import LogCollector

from .local_here import eventually, open_files
from .worker_bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def test_lines_are_stamped_with_the_monotonic_clock(bench: Bench) -> None:
    before = time.monotonic_ns()
    bench.started("print('one'); print(); print('two words')")
    assert eventually(lambda: len(bench.lines()) == 3)
    stamped = list(bench.run_folder.log_lines("orders"))
    assert [line for _, line in stamped] == ["one", "", "two words"]
    assert all(before < at < time.monotonic_ns() for at, _ in stamped)


def test_both_streams_are_taken(bench: Bench) -> None:
    bench.started("import sys; print('out', flush=True); print('err', file=sys.stderr)")
    assert eventually(lambda: bench.lines() == ["out", "err"])


def test_last_line_without_its_end_is_kept(bench: Bench) -> None:
    bench.started("import os; os.write(1, b'whole\\ntorn'); os.kill(os.getpid(), 9)")
    assert eventually(lambda: bench.lines() == ["whole", "torn"])


def test_undecodable_bytes_survive(bench: Bench) -> None:
    bench.started("import os; os.write(1, b'a\\xff\\xfeb\\n')")
    assert eventually(lambda: bench.lines() == ["a\ufffd\ufffdb"])
    assert b"a\xff\xfeb\n" in (bench.run_folder.logs / "orders.log").read_bytes()
    assert bench.logs.last_output("orders") == "a\ufffd\ufffdb"


def test_line_without_end_does_not_fill_the_memory(bench: Bench) -> None:
    bench.started("import os; [os.write(1, b'x' * 10000) for _ in range(30)]")
    assert eventually(lambda: sum(map(len, bench.lines())) == 300_000)


def test_only_the_last_lines_are_kept_for_messages(bench: Bench) -> None:
    bench.started("[print(i) for i in range(100)]")
    assert eventually(lambda: len(bench.lines()) == 100)
    assert bench.logs.last_output("orders").splitlines() == [str(i) for i in range(68, 100)]


def test_output_moves_to_the_next_folder(bench: Bench, tmp_path: Path) -> None:
    program = """
        import signal
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
        print("one", flush=True)
        signal.sigwait([signal.SIGUSR1])
        print("two", flush=True)
    """
    worker = bench.started(program)
    assert eventually(lambda: bench.lines() == ["one"])
    second = RunFolder.create(tmp_path / "second")
    bench.logs.write_to(second.logs)
    assert worker._process is not None
    worker._process.send_signal(signal.SIGUSR1)
    assert eventually(lambda: [x for _, x in second.log_lines("orders")] == ["two"])
    assert bench.lines() == ["one"]


def test_close_reads_what_is_there(bench: Bench) -> None:
    # More than one reading of the pipe takes, all written before the end.
    worker = bench.started("import os; [os.write(1, b'y' * 999 + b'\\n') for _ in range(60)]")
    assert worker._process is not None
    worker._process.wait(timeout=10)
    bench.logs.close()
    assert len(bench.lines()) == 60


def test_close_keeps_the_torn_line_of_a_pipe_that_stays_open(bench: Bench) -> None:
    out, into = os.pipe()
    bench.logs.follow("orders", out)
    os.write(into, b"whole\ntorn")
    bench.logs.close()
    os.close(into)
    assert bench.lines() == ["whole", "torn"]


def test_close_gives_back_its_file_descriptors(bench: Bench) -> None:
    before = open_files()
    other = LogCollector()
    other.close()
    other.close()
    assert open_files() <= before
