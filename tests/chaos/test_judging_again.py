"""A wrong verdict is impossible to miss: stored runs are judged again offline, and an altered row convicts."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from dtx.core.run_folder import RunFolder
from dtx.core.verdict import Status, Verdict
from dtx.targets.provision import RuntimeName
from tests.support.runs import open_session, run_one, settings_for

OFFLINE = {"DOCKER_HOST": "unix:///nonexistent", "PATH": "/nonexistent", "HOME": "/nonexistent"}
pytestmark = pytest.mark.local


def judge_offline(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `dtx check` without an engine, without servers, without any program on PATH."""
    return subprocess.run(
        [sys.executable, "-m", "dtx", "check", str(folder)],
        env=OFFLINE | {"PYTHONPATH": os.pathsep.join(sys.path)},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def verdict_of(folder: Path) -> Verdict:
    verdict = RunFolder(folder).read_verdict()
    assert verdict is not None
    return verdict


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One run that holds and one that is violated, recorded now."""
    out = tmp_path_factory.mktemp("runs")
    found = {}
    for name, variant, fault in (
        ("holds", None, "partition@orders->payments"),
        ("violated", "not-idempotent", "lose-reply@orders->payments"),
    ):
        settings = settings_for(
            fault=fault, seed=3, out=out, runtime=RuntimeName.LOCAL, variant=variant
        )
        with open_session(settings) as session:
            found[name] = run_one(session, settings).folder
    return found


@pytest.mark.parametrize(("name", "code"), [("holds", 0), ("violated", 1)])
def test_run_judged_again_without_its_verdict_gives_the_same(
    runs: dict[str, Path], name: str, code: int, tmp_path: Path
) -> None:
    folder = tmp_path / name
    shutil.copytree(runs[name], folder)
    before = (folder / "verdict.json").read_bytes()
    (folder / "verdict.json").unlink()
    done = judge_offline(folder)
    assert done.returncode == code, done.stderr
    assert (folder / "verdict.json").read_bytes() == before


def test_one_altered_effect_row_convicts_that_transaction(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "altered"
    shutil.copytree(runs["holds"], folder)
    path = folder / "observations" / "effects.jsonl"
    lines = path.read_bytes().splitlines()
    row = msgspec.json.decode(lines[0])
    other = row | {"amount": row["amount"] + 1}
    path.write_bytes(b"\n".join([msgspec.json.encode(other), *lines[1:]]) + b"\n")
    done = judge_offline(folder)
    assert done.returncode == 1
    assert row["tx"] in done.stdout
    verdict = verdict_of(folder)
    assert verdict.status is Status.VIOLATED
    assert [f.tx for c in verdict.checks for f in c.findings] == [row["tx"]]


def test_one_effect_row_taken_out_convicts_that_transaction(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "robbed"
    shutil.copytree(runs["holds"], folder)
    path = folder / "observations" / "effects.jsonl"
    rows = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    undone = {row["tx"] for row in rows if row["effect"] == "undone"}
    victim = next(row for row in rows if row["tx"] not in undone)
    rows.remove(victim)
    path.write_bytes(msgspec.json.Encoder().encode_lines(rows))
    done = judge_offline(folder)
    assert done.returncode == 2, "the count in complete.json gives the robbery away"
    complete = folder / "observations" / "complete.json"
    mark = msgspec.json.decode(complete.read_bytes())
    mark["rows"]["effects"] -= 1
    complete.write_bytes(msgspec.json.encode(mark))
    done = judge_offline(folder)
    assert done.returncode == 1
    guilty = {s for c in verdict_of(folder).checks for f in c.findings for s in f.subjects}
    assert guilty == {victim["tx"]}
