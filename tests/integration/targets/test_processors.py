"""Who has the processors: real programs at work, ours and others'.

How much each gets depends on what else the machine does; so each test waits until the program has had a time of its
own, by the kernel's account, and asks on which side that time went.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from dtx.core.deadline import Deadline, poll_until
from dtx.core.history import ProcessorUse
from dtx.targets.process_tree import descendants, stat_fields
from dtx.targets.processors import ProcessorMeter

WORKED_S = 0.5
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
SLACK_S = 5 * TICK_S
"""The two accounts are read one after the other."""

BUSY = "while True: pass"
CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY!r}])"
ORPHANED = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {BUSY!r}], stdout=-3, stderr=-3).pid)"


def own_s(*pids: int) -> float:
    """Return the processor time that the processes have had."""
    return sum(int(cell) for pid in pids for cell in stat_fields(pid)[11:13]) * TICK_S


def has_worked(pid: int) -> None:
    assert poll_until(lambda: own_s(pid) >= WORKED_S, Deadline.after(60)), (
        "it never had a processor"
    )


def use_of(meter: ProcessorMeter) -> ProcessorUse:
    use = meter.use()
    assert use is not None
    return use


@pytest.fixture
def meter() -> ProcessorMeter:
    return ProcessorMeter(lambda: ())


@contextlib.contextmanager
def hog() -> Iterator[int]:
    """A busy program that is not below this one: its parent has ended before anybody looked."""
    said = subprocess.run(
        [sys.executable, "-c", ORPHANED], check=True, capture_output=True, text=True, start_new_session=True
    )  # fmt: skip
    pid = int(said.stdout)
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)


def test_first_look_has_nothing_to_compare_with(meter: ProcessorMeter) -> None:
    assert meter.use() is None


def test_other_programs_time_is_foreign(meter: ProcessorMeter) -> None:
    with hog() as pid:
        meter.use()
        before_s = own_s(pid)
        assert poll_until(lambda: own_s(pid) >= before_s + WORKED_S, Deadline.after(60))
        use = use_of(meter)
    assert use.foreign_s >= WORKED_S - SLACK_S
    assert use.foreign_s + use.own_s <= use.processors * (use.at_ns - use.since_ns) / 1e9 + SLACK_S


@pytest.mark.parametrize("program", [BUSY, CHILD])
def test_own_childrens_time_is_own(meter: ProcessorMeter, program: str) -> None:
    meter.use()
    with subprocess.Popen([sys.executable, "-c", program], start_new_session=True) as process:
        try:
            busy = process.pid if program == BUSY else child_of(process.pid)
            has_worked(busy)
            use = use_of(meter)
        finally:
            for pid in {busy, process.pid}:
                os.kill(pid, signal.SIGKILL)
    assert use.own_s >= WORKED_S - SLACK_S


def child_of(pid: int) -> int:
    assert poll_until(lambda: len(descendants(pid)) == 2, Deadline.after(30))
    return (descendants(pid) - {pid}).pop()


def test_time_of_a_child_that_has_ended_stays_own(meter: ProcessorMeter) -> None:
    meter.use()
    work = f"import time\nwhile time.process_time() < {WORKED_S}: pass"
    subprocess.run([sys.executable, "-c", work], check=True)
    assert use_of(meter).own_s >= WORKED_S - SLACK_S


def test_child_whose_parent_has_died_stays_own(meter: ProcessorMeter) -> None:
    with subprocess.Popen([sys.executable, "-c", CHILD], start_new_session=True) as process:
        busy = child_of(process.pid)
        meter.use()
        process.kill()
    try:
        meter.use()
        before_s = own_s(busy)
        assert poll_until(lambda: own_s(busy) >= before_s + WORKED_S, Deadline.after(60))
        use = use_of(meter)
    finally:
        os.kill(busy, signal.SIGKILL)
    assert use.own_s >= WORKED_S - SLACK_S
