"""SIGINT, SIGTERM and SIGHUP in each phase of a run: exit code 130, nothing left, and the folder can be judged."""

import contextlib
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dtx.core.deadline import Deadline, poll_until
from tests.support.commands import HEEDFUL_DTX, begun, dtx
from tests.support.leftovers import command_of, left_of_local_run, processes_of
from tests.support.till_system import write_till

pytestmark = pytest.mark.local

REACHED_WITHIN_S = 60
ENDS_WITHIN_S = 60
GONE_WITHIN_S = 5
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
RUN = ("--runtime", "local", "--duration", "60", "--rate", "20", "--out", "runs")

HELD_JUDGE = (
    sys.executable,
    "-c",
    (
        "import pathlib, sys, time, dtx.experiment.trial as trial;"
        "trial.judge_run = lambda folder: (pathlib.Path('judging').touch(), [time.sleep(0.05) for _ in range(1200)]);"
        f"exec({HEEDFUL_DTX[2]!r})"
    ),
)
"""Judging takes a few milliseconds: it is held, so that it is sure to be interrupted. All else is as it is. It is held at
work, as judging is, which never waits for a lock."""


def at_phase(name: str) -> Callable[[Path], bool]:
    """Return what tells whether the run in the place has recorded that the phase began."""
    return lambda place: any(
        f'"name":"{name}"' in history.read_text() for history in place.glob("runs/2*/history.jsonl")
    )


def in_schema(place: Path) -> bool:
    return any(command_of(pid).rstrip().endswith("SELECT") for pid in processes_of(place))


def asked_for_readiness(place: Path) -> bool:
    return any("asked" in log.read_text() for log in place.glob("runs/2*/logs/till.log"))


@dataclass(frozen=True, kw_only=True)
class Phase:
    """How a run is held in a phase, and how one sees that it is there."""

    name: str
    is_reached: Callable[[Path], bool]
    says: str = "the run ended"
    system: dict[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    command: tuple[str, ...] = HEEDFUL_DTX


PHASES = [
    Phase(
        name="provisioning",
        system={"schema": "select pg_sleep(60);"},
        is_reached=in_schema,
        says="this run proves nothing",
    ),
    Phase(
        name="starting workers",
        system={"asked": "print('asked', flush=True); time.sleep(60)"},
        is_reached=asked_for_readiness,
    ),
    Phase(
        name="warm-up",
        system={"selling": "print('asked', flush=True); time.sleep(60)"},
        is_reached=asked_for_readiness,
        says="the run ended in the warm-up phase",
    ),
    Phase(name="main", is_reached=at_phase("main"), says="the run ended in the main phase"),
    Phase(
        name="a fault",
        words=("--fault", "partition@till->till-db,at=0s,for=60s"),
        is_reached=lambda place: any(
            '"injected"' in history.read_text() for history in place.glob("runs/2*/history.jsonl")
        ),
        says="the run ended in the main phase",
    ),
    Phase(
        name="recovery",
        words=("--duration", "1"),
        system={
            "schema": "create or replace view open_sales as select 'for ever'::text as tx from sales limit 1;"
        },
        is_reached=at_phase("recovery"),
        says="the run ended in the recovery phase",
    ),
    Phase(
        name="judging",
        words=("--duration", "1"),
        command=HELD_JUDGE,
        is_reached=lambda place: (place / "judging").exists(),
        says="HOLDS",
    ),
]


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.name)
def test_signal_ends_the_run_in_order_and_its_folder_can_be_judged(
    place: Path, phase: Phase, number: signal.Signals
) -> None:
    write_till(place / "till", **phase.system)
    with begun("run", "./till", *RUN, *phase.words, cwd=place, command=phase.command) as harness:
        said = interrupted(harness, number, lambda: phase.is_reached(place))
    [folder] = place.glob("runs/2*")
    assert f"everything was cleaned up; what was recorded: {folder.relative_to(place)}" in said
    assert_gone(place)
    judged = dtx("check", folder, cwd=place)
    assert phase.says in judged.stdout
    assert judged.returncode == (0 if phase.name == "judging" else 3), judged.stdout
    assert judged.stderr == ""


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_signal_while_planning_ends_it_with_nothing_made(
    place: Path, number: signal.Signals
) -> None:
    write_till(place / "till")
    with silent_engine(place / "engine") as (socket_path, is_asked):
        words = ("run", "./till", "--runtime", "docker", "--out", "runs")
        with begun(*words, cwd=place, env={"DOCKER_HOST": f"unix://{socket_path}"}) as harness:
            said = interrupted(harness, number, is_asked.is_set)
    assert "interrupted; everything was cleaned up" in said
    assert not (place / "runs").exists()
    assert_gone(place)


def interrupted(
    harness: "subprocess.Popen[str]", number: signal.Signals, is_reached: Callable[[], bool]
) -> str:
    """Send the signal once the moment has come, and again and again after it; return what was said on stderr."""
    try:
        reached = poll_until(
            lambda: is_reached() or harness.poll() is not None,
            Deadline.after(REACHED_WITHIN_S),
            every_s=0.01,
        )
        assert reached, "the moment never came"
        assert harness.poll() is None, harness.communicate()[1]
        harness.send_signal(number)
        harness.send_signal(signal.SIGINT)  # impatience changes nothing
        out, said = harness.communicate(timeout=ENDS_WITHIN_S)
    finally:
        harness.kill()
    assert harness.returncode == 130, said
    assert out == ""
    assert "Traceback" not in said, said
    return said


def assert_gone(place: Path) -> None:
    """The reaper ends a moment after the harness."""
    is_gone = poll_until(lambda: not left_of_local_run(place), Deadline.after(GONE_WITHIN_S))
    assert is_gone, left_of_local_run(place)


@contextlib.contextmanager
def silent_engine(path: Path) -> Iterator[tuple[Path, threading.Event]]:
    """An engine's socket that takes a connection and says nothing; the event tells that there was one."""
    is_asked = threading.Event()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        taken: list[socket.socket] = []

        def accept() -> None:
            with contextlib.suppress(OSError):
                taken.append(server.accept()[0])
                taken[0].recv(1)
                is_asked.set()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield path, is_asked
    for connection in taken:
        connection.close()
