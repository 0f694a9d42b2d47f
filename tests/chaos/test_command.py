"""`dtx run` as a pipeline uses it: exit codes, one JSON document, JUnit, and an orderly end on Ctrl-C."""

import os
import signal
import subprocess
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pytest

from dtx.core.deadline import Deadline, poll_until
from tests.support.commands import DTX, HEEDFUL_DTX
from tests.support.leftovers import left_of_local_run, processes_of

pytestmark = pytest.mark.local


def run_dtx(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DTX, "run", *words, "--runtime", "local", "--out", str(place / "runs")],
        cwd=place,
        env=os.environ | {"TMPDIR": str(place / "tmp")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_run_that_holds_exits_0_with_a_report_and_leaves_nothing(place: Path) -> None:
    done = run_dtx(place, "saga", "--fault", "partition", "--seed", "7", "--duration", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "HOLDS" in done.stdout
    assert "dtx run saga --fault partition --seed 7" in done.stdout
    assert "\x1b[" not in done.stdout + done.stderr, "plain when piped"
    assert not left_of_local_run(place)


def test_violated_run_exits_1_with_one_json_document_and_junit(place: Path) -> None:
    done = run_dtx(
        place, "saga", "--variant", "not-idempotent", "--fault", "lose-reply@orders->payments",
        "--seed", "2", "--duration", "3", "--json", "--junit", str(place / "junit.xml"),
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    document = msgspec.json.decode(done.stdout)
    assert document["verdict"]["status"] == "violated"
    suites = ET.parse(place / "junit.xml").getroot()
    assert suites.findall(".//failure")


def test_interrupt_ends_with_130_and_leaves_nothing(place: Path) -> None:
    harness = subprocess.Popen(
        [*HEEDFUL_DTX, "run", "saga", "--runtime", "local", "--out", str(place / "runs")],
        cwd=place,
        env=os.environ | {"TMPDIR": str(place / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert poll_until(lambda: len(processes_of(place)) > 10, Deadline.after(30))
        time.sleep(1)
        harness.send_signal(signal.SIGINT)
        _, said = harness.communicate(timeout=30)
    finally:
        harness.kill()
    assert harness.returncode == 130
    assert "Traceback" not in said
    assert not left_of_local_run(place)
