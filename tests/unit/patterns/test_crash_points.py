"""A worker's side of crash points: which pass is the one, and what is written before death."""

import json
import os
from pathlib import Path

import pytest

from dtx.patterns.common.crash_points import CrashFile


def arm(path: Path, point: str, n: int = 1, tx: str | None = None, *, at_ns: int = 1) -> None:
    path.write_text(json.dumps({"point": point, "n": n, "tx": tx}))
    os.utime(path, ns=(at_ns, at_ns))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "crash.json"


def test_without_a_file_every_pass_goes_on(path: Path) -> None:
    assert not CrashFile(path).passing("here", "t1")


def test_nth_pass_of_the_named_point_is_the_one(path: Path) -> None:
    arm(path, "here", n=2)
    file = CrashFile(path)
    passes = [file.passing(point, "t1") for point in ("here", "there", "here", "here")]
    assert passes == [False, False, True, False]


def test_only_passes_of_the_named_transaction_count(path: Path) -> None:
    arm(path, "here", tx="t2")
    file = CrashFile(path)
    assert [file.passing("here", tx) for tx in ("t1", "t2")] == [False, True]


def test_passes_are_counted_from_the_moment_the_file_is_there(path: Path) -> None:
    file = CrashFile(path)
    file.passing("here", "t1")
    arm(path, "here", n=2)
    assert [file.passing("here", "t1") for _ in range(2)] == [False, True]


def test_file_written_again_counts_anew(path: Path) -> None:
    file = CrashFile(path)
    arm(path, "here", n=2, at_ns=1)
    file.passing("here", "t1")
    arm(path, "here", n=2, at_ns=2)
    assert [file.passing("here", "t1") for _ in range(2)] == [False, True]


@pytest.mark.parametrize("end", ["", "\n"])
def test_mark_stands_on_a_line_of_its_own_and_disarms_the_file(path: Path, end: str) -> None:
    path.write_text(json.dumps({"point": "here", "n": 1, "tx": None}) + end)
    CrashFile(path).mark_reached("t7")
    assert path.read_text().splitlines()[1:] == ["reached t7"]
    assert not CrashFile(path).passing("here", "t1")


@pytest.mark.parametrize("content", ["", "{", '{"n": 1}', "[]"])
def test_file_that_is_not_whole_is_no_order(path: Path, content: str) -> None:
    path.write_text(content)
    assert not CrashFile(path).passing("here", "t1")
