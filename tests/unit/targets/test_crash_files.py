"""Crash files as the harness writes and reads them."""

import json
from pathlib import Path

import pytest

from dtx.core.ports import CrashReached
from dtx.targets.workers.crash_files import CrashFiles


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "orders.json"


@pytest.fixture
def points(file: Path) -> CrashFiles:
    return CrashFiles({"orders": file})


def append(file: Path, text: str) -> None:
    with file.open("a") as opened:
        opened.write(text)


def test_armed_file_says_point_and_pass(points: CrashFiles, file: Path) -> None:
    points.arm("orders", "after-log", 3)
    assert json.loads(file.read_text()) == {"point": "after-log", "n": 3, "tx": None}


def test_arming_leaves_no_other_file(points: CrashFiles, file: Path) -> None:
    points.arm("orders", "after-log", 1)
    assert list(file.parent.iterdir()) == [file]


def test_arming_again_is_a_new_file_that_was_not_reached(points: CrashFiles, file: Path) -> None:
    points.arm("orders", "after-log", 1)
    append(file, "reached t1\n")
    before = file.stat().st_ino
    kept = file.open()  # so that the file system can't give its number to the new one
    points.arm("orders", "after-log", 1)
    kept.close()
    assert file.stat().st_ino != before
    assert points.reached("orders") is None


def test_nothing_is_reached_without_a_file(points: CrashFiles) -> None:
    assert points.reached("orders") is None


def test_armed_point_is_not_reached_yet(points: CrashFiles) -> None:
    points.arm("orders", "reached", 1)
    assert points.reached("orders") is None


@pytest.mark.parametrize(
    ("line", "tx"),
    [("reached t1\n", "t1"), ("reached t1", "t1"), ("reached\n", None), ("reached \n", None)],
)
def test_reached_point_names_its_transaction(
    points: CrashFiles, file: Path, line: str, tx: str | None
) -> None:
    points.arm("orders", "after-log", 1)
    append(file, line)
    assert points.reached("orders") == CrashReached(tx=tx)


def test_other_lines_mean_nothing(points: CrashFiles, file: Path) -> None:
    points.arm("orders", "after-log", 1)
    append(file, "passed t1\nreachedt2\n")
    assert points.reached("orders") is None


def test_disarmed_file_is_gone_and_disarming_again_is_harmless(
    points: CrashFiles, file: Path
) -> None:
    points.arm("orders", "after-log", 1)
    points.disarm("orders")
    points.disarm("orders")
    assert not file.exists()
