"""Environments that are held open: they can be used, they outlive their command, and nothing of them is left after."""

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from dtx.core.deadline import Deadline, poll_until
from tests.support.leftovers import OwnRuns, processes_of
from tests.support.terminal import Terminal

DTX = (sys.executable, "-m", "dtx")
GONE_WITHIN_S = 20.0
RUNTIMES = [
    pytest.param("local", marks=pytest.mark.local),
    pytest.param("docker", marks=pytest.mark.docker),
]


def dtx(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DTX, *words], cwd=place, env=os.environ | {"TMPDIR": str(place / "tmp")},
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip


def up(place: Path, runtime: str) -> dict[str, Any]:
    done = dtx(place, "up", "saga", "--runtime", runtime, "--json")
    assert done.returncode == 0, done.stderr
    held: dict[str, Any] = msgspec.json.decode(done.stdout)
    return held


def is_gone(own: OwnRuns) -> bool:
    return poll_until(lambda: not own.left(), Deadline.after(GONE_WITHIN_S), every_s=0.1)


def submit(held: dict[str, Any]) -> int:
    sample = held["sample"]
    request = urllib.request.Request(
        sample["url"], method=sample["method"], data=msgspec.json.encode(sample["json"]),
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=10) as answer:
        return int(answer.status)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_what_is_up_can_be_used_is_left_alone_by_clean_and_is_gone_after_down(
    runtime: str, place: Path
) -> None:
    own = OwnRuns(place)
    held = up(place, runtime)
    assert held["id"] in own.look()
    try:
        assert submit(held) in (201, 202)
        with psycopg.connect(held["databases"]["orders-db"]) as connection:
            row = connection.execute("select count(*) from orders").fetchone()
        assert row == (1,)
        logs = {file.name for file in Path(held["logs"]).iterdir()}
        assert logs <= {"orders.log", "payments.log", "inventory.log"}
        assert held["id"] in dtx(place, "list", "held").stdout
        assert f"held open as {held['id']}, and left alone" in dtx(place, "clean").stderr
        assert submit(held) in (201, 202), "clean has left it alone"
    finally:
        done = dtx(place, "down")
    assert done.returncode == 0, done.stderr
    assert held["id"] in done.stdout
    assert not own.left()
    assert "nothing is held" in dtx(place, "down").stdout


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_killed_holder_leaves_nothing(runtime: str, place: Path) -> None:
    own = OwnRuns(place)
    held = up(place, runtime)
    assert held["id"] in own.look()
    os.kill(held["pid"], signal.SIGKILL)
    assert is_gone(own), own.left()
    assert dtx(place, "down", held["id"]).returncode == 2


@pytest.mark.local
@pytest.mark.parametrize("words", [("up", "saga"), ("run", "saga", "--keep")], ids=["up", "run"])
def test_a_command_killed_before_it_is_up_leaves_nothing(
    words: tuple[str, ...], place: Path
) -> None:
    own = OwnRuns(place)
    command = subprocess.Popen(
        [*DTX, *words, "--runtime", "local"], cwd=place,
        env=os.environ | {"TMPDIR": str(place / "tmp")},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        # The command, the holder, its reaper, and the first servers.
        assert poll_until(lambda: len(processes_of(place)) > 5, Deadline.after(60))
    finally:
        own.look()
        command.kill()
        command.wait()
    assert is_gone(own), own.left()


@pytest.mark.local
def test_ctrl_c_while_it_comes_up_ends_with_130_and_leaves_nothing(place: Path) -> None:
    own = OwnRuns(place)
    with Terminal(
        [*DTX, "up", "saga", "--runtime", "local"], cwd=place,
        env={"TMPDIR": str(place / "tmp")}, python=sys.executable,
    ) as terminal:  # fmt: skip
        assert terminal.read_until(
            lambda: "starting" in terminal.text and len(processes_of(place)) > 5, Deadline.after(60)
        )
        own.look()
        terminal.type("\x03")
        assert terminal.finish(Deadline.after(60)) == 130
        assert "starting" not in terminal.text
    assert not own.left()


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_kept_run_has_its_verdict_and_stays_up(runtime: str, place: Path) -> None:
    own = OwnRuns(place)
    done = dtx(
        place, "run", "saga", "--fault", "kill@payments", "--seed", "3", "--duration", "3",
        "--runtime", runtime, "--keep", "--json",
    )  # fmt: skip
    document = msgspec.json.decode(done.stdout)
    held = document["held"]
    assert held["id"] in own.look()
    try:
        assert document["exit_code"] == done.returncode == 0, done.stderr
        with psycopg.connect(held["databases"]["payments-db"]) as connection:
            [effects] = connection.execute("select count(*) from payment_effects").fetchone() or [0]
        assert effects > 0, "what the run did is there to be looked at"
        with urllib.request.urlopen(f"{held['workers']['orders']}/healthz", timeout=10) as answer:
            assert answer.status == 200
        [run] = msgspec.json.decode(dtx(place, "list", "runs", "--json").stdout)["runs"]
        assert run["held"] == held["id"]
    finally:
        dtx(place, "down", "--all")
    assert not own.left()


@pytest.mark.local
def test_a_link_that_is_cut_by_hand_is_cut(place: Path) -> None:
    held = up(place, "local")
    try:
        proxy = f"{held['toxiproxy']}/proxies/{held['links']['client->orders']['proxy']}"
        request = urllib.request.Request(proxy, data=b'{"enabled": false}', method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200
        with pytest.raises(OSError):
            submit(held)
    finally:
        dtx(place, "down")


def test_a_system_that_does_not_exist_is_a_usage_error(place: Path) -> None:
    done = dtx(place, "up", "sagga")
    assert done.returncode == 2
    assert 'did you mean "saga"?' in done.stderr
