"""Commands over run folders: list, show, check, and how a run is named."""

import json
import shlex
import types
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from dtx.cli import output
from dtx.core.events import TrialEvent, TrialFinished
from dtx.core.exit_codes import ExitCode
from dtx.core.verdict import ReaderSummary, Verdict
from dtx.experiment import judging, session
from dtx.experiment.settings import ExperimentSettings
from dtx.targets import held
from tests.support.verdicts import (
    GUILTY,
    make_broken_sums,
    make_holds,
    make_plan,
    make_unknown,
    make_violated,
    write_run,
)
from tests.unit.cli.conftest import Dtx

RUNS = Path(".dtx/runs")
VERDICTS = [
    (make_holds(), ExitCode.HOLDS, "HOLDS"),
    (make_violated(), ExitCode.VIOLATED, "VIOLATED"),
    (make_unknown(), ExitCode.UNKNOWN, "UNKNOWN"),
]


@pytest.mark.parametrize(("verdict", "code", "word"), VERDICTS)
def test_run_answers_with_the_verdicts_code_and_word(
    dtx: Dtx,
    monkeypatch: pytest.MonkeyPatch,
    verdict: Verdict,
    code: ExitCode,
    word: str,
) -> None:
    def run_experiment(settings: ExperimentSettings) -> Iterator[TrialEvent]:
        del settings
        yield TrialFinished(plan=make_plan(), folder=RUNS / "r", verdict=verdict, took_s=1.0)

    monkeypatch.setattr(session, "run_experiment", run_experiment)
    answer = dtx("run", "saga", "--junit", "out/junit.xml")
    assert answer.code is code
    assert answer.out.startswith(f" {word} ")
    assert "\x1b" not in answer.out + answer.err
    assert Path("out/junit.xml").read_text().startswith("<?xml")
    document = json.loads(dtx("run", "saga", "--json").out)
    assert document["exit_code"] == code
    assert dtx("run", "saga", "--quiet").out.count("\n") == 1


@pytest.mark.parametrize(("verdict", "code", "word"), VERDICTS)
def test_check_answers_with_the_new_verdict(
    dtx: Dtx, monkeypatch: pytest.MonkeyPatch, verdict: Verdict, code: ExitCode, word: str
) -> None:
    write_run(RUNS / "a", make_plan(), None)
    (RUNS / "latest").symlink_to("a")
    judged: list[Path] = []

    def judge_recorded(path: Path) -> Verdict:
        judged.append(path)
        return verdict

    monkeypatch.setattr(judging, "judge_recorded", judge_recorded)
    answer = dtx("check")
    assert answer.code is code
    assert word in answer.out
    assert dtx("check", "a").code is code
    assert dtx("check", str(RUNS / "a")).code is code
    assert dtx("check", "runs/a").code is ExitCode.USAGE
    assert judged == [RUNS / "a"] * 3


def test_check_of_an_unknown_run_suggests_the_nearest(dtx: Dtx) -> None:
    write_run(RUNS / "20260101T120000Z-saga-partition-7", make_plan(), make_holds())
    answer = dtx("check", "20260101T120000Z-saga-partition-8")
    assert answer.code is ExitCode.USAGE
    assert "20260101T120000Z-saga-partition-7" in answer.err


def test_show_of_a_path_below_the_runs_that_is_not_there_says_what_to_do(dtx: Dtx) -> None:
    for _ in range(2):  # without a run, and with one
        lost = dtx("show", str(RUNS / "nosuch"))
        assert lost.code is ExitCode.USAGE
        assert f"there is no run 'nosuch' below {RUNS}" in lost.err
        assert "`dtx list runs`" in lost.err
        write_run(RUNS / "20260101T120000Z-saga-partition-7", make_plan(), make_holds())
    assert "did you mean 2026" in dtx("show", str(RUNS / "20260101T120000Z-saga-partition-8")).err


def test_show_of_a_path_that_no_file_system_takes_is_a_usage_error(dtx: Dtx) -> None:
    for name in ("/" + "x" * 300, "./a\0b"):
        assert dtx("show", name).code is ExitCode.USAGE


def test_check_of_a_path_that_is_no_run_folder_says_just_that(dtx: Dtx, tmp_path: Path) -> None:
    write_run(RUNS / "other", make_plan(), make_holds())
    (tmp_path / "othes").mkdir()
    (tmp_path / "file").touch()
    for path in (str(tmp_path / "othes"), "othes"):
        answer = dtx("check", path)
        assert answer.code is ExitCode.USAGE
        assert f"{path} has no plan.json: it is not a run folder" in answer.err
        assert "did you mean" not in answer.err
    assert "file is a file" in dtx("check", "file").err


@pytest.mark.parametrize("name", ["plan.json", "history.jsonl", "logs/shop.log"])
def test_check_of_a_file_in_a_run_folder_takes_the_folder(
    dtx: Dtx, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = write_run(RUNS / "a", make_plan(), None).path
    (folder / name).touch()
    monkeypatch.setattr(judging, "judge_recorded", lambda path: make_holds())
    answer = dtx("check", str(folder / name))
    assert answer.code is ExitCode.HOLDS
    assert f"run folder  {folder}\n" in answer.out


def test_list_of_a_system_has_its_own_and_no_others(dtx: Dtx) -> None:
    rows = json.loads(dtx("list", "workloads", "saga", "--json").out)["workloads"]
    assert {row["system"] for row in rows} == {"saga"}
    assert [row["name"] for row in rows][:2] == ["order", "order-mariadb"]
    variants = json.loads(dtx("list", "variants", "saga", "--json").out)["variants"]
    assert {"not-idempotent": "order", "claims-isolation": "transfer"}.items() <= {
        row["name"]: row["workload"] for row in variants
    }.items()


def test_list_of_what_no_system_has_takes_no_system(dtx: Dtx) -> None:
    answer = dtx("list", "faults", "saga")
    assert answer.code is ExitCode.USAGE
    assert "variants and workloads" in answer.err


def test_show_has_all_variants_each_with_the_workload_that_it_needs(dtx: Dtx) -> None:
    for words in (("show", "saga"), ("show", "saga", "--workload", "transfer")):
        lines = dtx(*words).out.splitlines()
        needs = dict(
            line.split()[:2] for line in lines if " exactly-once" in line or " C1 " in line
        )
        assert needs["claims-isolation"] == "transfer"
        assert needs["not-idempotent"] == "order"
    assert "  workload: order-file-log" in dtx("show", "2pc", "--variant", "not-synced").out


@pytest.mark.parametrize("words", [("list", "variants"), ("show", "2pc")])
def test_names_and_faults_of_variants_stay_whole_on_a_narrow_terminal(
    dtx: Dtx, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    variants = json.loads(dtx(*words, "--json").out)["variants"]
    rows = (
        variants if isinstance(variants, list) else [{"name": n, **v} for n, v in variants.items()]
    )
    monkeypatch.setattr(output, "_PIPED_WIDTH", 80)
    lines = dtx(*words).out.splitlines()
    for row in rows:
        assert any(line.startswith(row["name"] + "  ") for line in lines)
        [fault] = row["exposed_by"]
        assert any(shlex.quote(fault) in line.split() for line in lines)
    assert not [line for line in lines if len(line) > 80 and "@" not in line]


def test_list_runs_has_a_column_of_what_is_held_only_where_something_is(
    dtx: Dtx, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_run(RUNS / "a", make_plan(), make_holds())
    monkeypatch.setattr(held, "held_environments", tuple)
    assert dtx("list", "runs").out.split()[:4] == ["name", "verdict", "broken", "command"]
    assert json.loads(dtx("list", "runs", "--json").out)["runs"][0]["held"] is None
    kept = types.SimpleNamespace(folder=str(folder.path.absolute()), id="dtx-a", is_run=True)
    monkeypatch.setattr(held, "held_environments", lambda: (kept,))
    assert dtx("list", "runs").out.split()[:4] == ["name", "verdict", "broken", "held"]


def test_list_runs_keeps_each_command_on_one_line(
    dtx: Dtx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "_PIPED_WIDTH", 60)
    command = ("dtx", "run", "saga", "--fault", "x" * 80, "--seed", "7")
    write_run(RUNS / "a", make_plan(command=command), make_holds())
    assert any(line.endswith(" ".join(command)) for line in dtx("list", "runs").out.splitlines())
    assert " ".join(command) in dtx("show", "a").out


def test_show_of_a_variant_prints_what_it_changes_and_is_meant_to_show(dtx: Dtx) -> None:
    out = dtx("show", "saga", "--variant", "not-idempotent").out
    for expected in (
        "Variant not-idempotent",
        "a repeated debit takes the money again",
        "breaks: exactly-once, conservation",
        "exposed by: 'lose-reply@orders->payments'",
        "runs {python} -m dtx.patterns.saga.variants.payments_not_idempotent",
    ):
        assert expected in out
    assert "payments_not_idempotent" not in dtx("show", "saga").out


def test_check_of_a_damaged_folder_is_a_usage_error_that_names_the_file(dtx: Dtx) -> None:
    folder = write_run(RUNS / "a", make_plan(), None)
    (folder.path / "plan.json").write_text("{")
    answer = dtx("check", "a")
    assert answer.code is ExitCode.USAGE
    assert "plan.json" in answer.err


def test_list_runs_names_verdicts_newest_first(dtx: Dtx) -> None:
    write_run(RUNS / "1", make_plan(), make_holds())
    write_run(RUNS / "2", make_plan(), make_violated())
    write_run(RUNS / "3", make_plan(), None)
    (write_run(RUNS / "4", make_plan(), None).path / "plan.json").write_text("no")
    rows = json.loads(dtx("list", "runs", "--json").out)["runs"]
    assert [(r["name"], r["verdict"]) for r in rows] == [
        ("4", "damaged"),
        ("3", "not judged"),
        ("2", "violated"),
        ("1", "holds"),
    ]


@pytest.mark.parametrize("kind", ["systems", "faults", "variants", "checkers", "workloads"])
def test_list_prints_the_same_names_as_a_table_and_as_json(dtx: Dtx, kind: str) -> None:
    rows = json.loads(dtx("list", kind, "--json").out)[kind]
    table = dtx("list", kind).out
    for row in rows:
        assert row["name"] in table
    assert rows


def test_show_of_a_run_prints_its_verdict_and_faults(dtx: Dtx) -> None:
    write_run(RUNS / "a", make_plan(), make_violated())
    answer = dtx("show", "a")
    assert answer.code is ExitCode.HOLDS
    assert "VIOLATED" in answer.out
    # As the report has it, not as it was planned.
    assert "  partition of orders->payments, from 2.5 s to 7.5 s: landed\n" in answer.out
    assert answer.out.count("from 2.5 s") == 1
    assert f"convicted: {GUILTY}; its story: dtx show .dtx/runs/a --tx {GUILTY}\n" in answer.out


def test_show_of_a_run_that_was_not_judged_prints_the_faults_as_planned(dtx: Dtx) -> None:
    write_run(RUNS / "a", make_plan(), None)
    assert "  partition of orders->payments from 2.5 s to 7.5 s\n" in dtx("show", "a").out


def test_show_of_a_run_tells_what_readers_saw_and_convicts_nobody_of_what_is_not_claimed(
    dtx: Dtx,
) -> None:
    checks = tuple(msgspec.structs.replace(c, is_claimed=False) for c in make_violated().checks)
    readers = (ReaderSummary(reader="audit", reads=9, dirty=2),)
    write_run(RUNS / "a", make_plan(), make_violated(checks=checks, readers=readers))
    out = dtx("show", "a").out
    assert "reader audit: 9 reads, 2 dirty" in out
    assert f"not claimed, so not convicted: {GUILTY}" in out


def test_show_of_a_run_does_not_call_a_suspect_convicted(dtx: Dtx) -> None:
    write_run(RUNS / "a", make_plan(), make_broken_sums())
    out = dtx("show", "a").out
    assert f"not accused, but touched ann, where the sum is wrong: {GUILTY}" in out
    assert f"convicted: {GUILTY}" not in out


def test_show_of_a_system_prints_links_contract_and_variants(dtx: Dtx) -> None:
    out = dtx("show", "saga").out
    for expected in ("[orders] ─┬──> (orders-db)", "atomic", "Variants", "crash points"):
        assert expected in out
    document = json.loads(dtx("show", "saga", "--json").out)
    assert "orders->payments" in document["links"]


def test_show_of_a_transaction_needs_a_run(dtx: Dtx) -> None:
    answer = dtx("show", "saga", "--tx", "t000001")
    assert answer.code is ExitCode.USAGE
    assert "dtx show latest" in answer.err


def test_a_systems_name_is_a_system_even_if_a_run_has_that_name(dtx: Dtx) -> None:
    write_run(RUNS / "saga", make_plan(), make_holds())
    assert "Who talks to whom" in dtx("show", "saga").out
    assert "HOLDS" in dtx("show", str(RUNS / "saga")).out
