"""What was recorded can be read back, or the error says which file is wrong and how."""

import json
from pathlib import Path

import pytest

from dtx.core.errors import RecordError
from dtx.core.history import (
    Answer,
    Completed,
    HistoryEntry,
    Invoked,
    Outcome,
    Phase,
    PhaseName,
    Read,
)
from dtx.core.observation import Effect, EffectRow, ResidueRow
from dtx.core.run_folder import SCHEMA, Observations, Plan, RunFolder
from dtx.core.schedule import Schedule
from tests.support.verdicts import make_holds, make_window

ENTRIES: tuple[HistoryEntry, ...] = (
    Phase(at_ns=1, name=PhaseName.MAIN),
    Invoked(at_ns=2, tx="t1", process=0, intended_ns=2, value={"sku": "pear", "quantity": 2}),
    Read(
        at_ns=3,
        reader="sums",
        began_ns=2,
        answers=(Answer(participant="a-db", asked_ns=2, answered_ns=3, value=-7, added=("t1",)),),
        error="b-db: HTTP 500",
    ),
    Completed(at_ns=3, tx="t1", process=0, outcome=Outcome.OK, status=201),
)
OBSERVATIONS = Observations(
    effects=(
        EffectRow(
            participant="a-db", tx="t1", step="debit", effect=Effect.APPLIED, amount=3, at_ns=5
        ),
    ),
    residue=(ResidueRow(participant="a-db", name="unsent", count=0),),
    errors=("b-db: query failed",),
)
PLAN = Plan(
    schema=SCHEMA,
    run_id="abc",
    created="2026-01-01T00:00:00+00:00",
    command=("dtx", "run", "x"),
    system_name="x",
    variant=None,
    workload=None,
    options={},
    runtime="local",
    seed=1,
    rate=1.0,
    duration_s=1.0,
    schedule=Schedule(text="none", seed=1, duration_s=1.0, windows=()),
    versions={},
    system={},
)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    made = RunFolder.create(tmp_path / "run")
    made.write_plan(PLAN)
    return made


def write_history(folder: RunFolder) -> Path:
    writer = folder.history()
    for entry in ENTRIES:
        writer.append(entry)
    writer.close()
    return folder.path / "history.jsonl"


def test_plan_history_and_observations_come_back_as_written(folder: RunFolder) -> None:
    write_history(folder)
    folder.write_observations(OBSERVATIONS)
    assert folder.read_plan() == PLAN
    assert folder.read_history() == ENTRIES
    assert folder.read_observations() == OBSERVATIONS


def test_second_run_of_the_same_name_gets_a_number(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "run")
    assert RunFolder.create(tmp_path / "run").path.name == "run-2"


def test_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match="can't make the run folder"):
        RunFolder.create(tmp_path / "file" / "run")


def test_torn_last_line_of_a_killed_harness_is_left_out(folder: RunFolder) -> None:
    path = write_history(folder)
    path.write_bytes(path.read_bytes() + b'{"type":"invoke","at_')
    assert folder.read_history() == ENTRIES


def test_damaged_line_in_the_middle_names_file_and_line(folder: RunFolder) -> None:
    path = write_history(folder)
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([lines[0], b"rubbish", lines[2]]) + b"\n")
    with pytest.raises(RecordError, match=r"history\.jsonl:2: damaged"):
        folder.read_history()


def test_run_that_ended_before_anything_was_started_has_an_empty_history(
    folder: RunFolder,
) -> None:
    assert folder.read_history() == ()


def test_observations_without_the_mark_that_they_are_complete_do_not_count(
    folder: RunFolder,
) -> None:
    folder.write_observations(OBSERVATIONS)
    (folder.path / "observations" / "complete.json").unlink()
    assert folder.read_observations() is None


def test_lost_row_is_noticed(folder: RunFolder) -> None:
    folder.write_observations(OBSERVATIONS)
    (folder.path / "observations" / "effects.jsonl").write_bytes(b"")
    with pytest.raises(RecordError, match=r"0 rows, but complete\.json counted 1"):
        folder.read_observations()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not JSON"),
        (b"[]", "no schema version"),
        (b'{"schema": 99}', "newer than this dtx reads"),
        (b'{"schema": 1}', "damaged"),
        (b"\xff\xfe", "not JSON"),
    ],
)
def test_wrong_plan_says_what_is_wrong(folder: RunFolder, content: bytes, words: str) -> None:
    (folder.path / "plan.json").write_bytes(content)
    with pytest.raises(RecordError, match=words):
        folder.read_plan()


def test_folder_that_is_no_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"plan\.json"):
        RunFolder(tmp_path).read_plan()


def test_entries_after_closing_are_dropped(folder: RunFolder) -> None:
    writer = folder.history()
    writer.close()
    writer.append(ENTRIES[0])
    assert folder.read_history() == ()


def test_log_lines_keep_their_time_and_survive_rubbish(folder: RunFolder) -> None:
    (folder.logs / "orders.log").write_bytes(b"12 tx=t1 debited\nno time\n13 \xff\n")
    assert list(folder.log_lines("orders")) == [(12, "tx=t1 debited"), (13, "\ufffd")]
    assert list(folder.log_lines("absent")) == []


def test_verdict_of_before_there_were_readers_can_be_read(folder: RunFolder) -> None:
    folder.write_verdict(make_holds())
    path = folder.path / "verdict.json"
    document = json.loads(path.read_text())
    del document["readers"]
    for window in document["coverage"]:
        del window["under_way"]
        window["applied_at_injection"] = {"payments-db.debit": 2}
    path.write_text(json.dumps(document))
    verdict = folder.read_verdict()
    assert verdict is not None
    assert verdict.readers == ()
    assert verdict.coverage == (make_window(under_way=()),)
