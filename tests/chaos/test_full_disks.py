"""Disks without room: for the record, for the servers' data, and for a server in the midst of a run."""

from pathlib import Path

import pytest

from dtx.core.deadline import Deadline, poll_until
from tests.support.commands import begun, complaint, dtx
from tests.support.leftovers import left_of_local_run
from tests.support.small_disk import fill, small_disk
from tests.support.till_system import write_till

pytestmark = pytest.mark.local

CLUSTER_KB = 45_000
"""More than one server's data takes at its start."""


LONG_SLIPS = """
create function noise() returns text language sql as
    $$ select string_agg(md5(random()::text), '') from generate_series(1, 200) $$;
alter table sales alter slip set default noise();
"""


@pytest.mark.parametrize("room_kb", [0, 64])
def test_full_disk_of_the_record_ends_the_run_and_what_was_recorded_is_judged(
    place: Path, room_kb: int
) -> None:
    write_till(place / "till")
    with small_disk(place / "runs", room_kb or 64):
        if not room_kb:
            fill(place / "runs")
        done = dtx(
            "run", "./till", "--runtime", "local", "--rate", "200", "--out", "runs", cwd=place
        )
        said = complaint(done)
        assert done.returncode == 4, said
        assert ": can't be written: No space left on device" in said
        assert "hint: make room there, or give another place with --out DIR" in said
        assert not left_of_local_run(place)
        [folder] = (place / "runs").glob("2*")
        judged = dtx("check", folder, cwd=place)
        assert "Traceback" not in judged.stderr
        if not room_kb:  # not even the plan fits
            assert judged.returncode == 2, judged.stdout
            assert "plan.json" in complaint(judged)
        else:
            assert judged.returncode == 3, judged.stdout
            assert "this run proves nothing" in judged.stdout
            assert "history.jsonl" in said
            assert "verdict.json: can't be written" in judged.stderr


def test_private_folder_without_room_is_said_with_what_to_do(place: Path) -> None:
    write_till(place / "till")
    with small_disk(place / "tmp", 1_000):
        done = dtx("run", "./till", "--runtime", "local", "--out", "runs", cwd=place)
        assert not left_of_local_run(place)
    said = complaint(done)
    assert done.returncode == 4, said
    assert "No space left on device" in said
    assert f"{place}/tmp" in said
    assert "TMPDIR to a folder with room" in said


def test_database_whose_disk_fills_in_the_midst_of_the_run_is_judged_as_it_is(place: Path) -> None:
    write_till(place / "till", schema=LONG_SLIPS)
    with small_disk(place / "tmp", CLUSTER_KB):
        words = ("--runtime", "local", "--rate", "200", "--duration", "6", "--out", "runs")
        with begun("run", "./till", *words, cwd=place) as harness:
            is_running = poll_until(
                lambda: any(
                    '"name":"main"' in h.read_text() for h in place.glob("runs/2*/history.jsonl")
                ),
                Deadline.after(60),
            )
            assert is_running, harness.communicate()[1]
            fill(place / "tmp")
            out, said = harness.communicate(timeout=120)
        (place / "tmp" / "filler").unlink(missing_ok=True)
        assert not left_of_local_run(place)
    assert "Traceback" not in said
    # It refuses what it can't store; or it gives up, if it was the log that had no room.
    if harness.returncode == 1:
        assert "till-db died at " in out
        assert "No space left on device" in out
    else:
        assert harness.returncode == 0, out + said
        assert " left no effect" in out
