"""`dtx show RUN --in-doubt`, from folders by hand."""

import contextlib
import json
from pathlib import Path

import pytest

from dtx.config.find import find_system
from dtx.config.loader import load_system
from dtx.core.exit_codes import ExitCode
from dtx.core.observation import DecisionRow, PreparedRow
from tests.support.histories import ORDERS, PAYMENTS, RunBuilder, wall
from tests.support.verdicts import make_holds, make_plan, write_run
from tests.unit.cli.conftest import Dtx

FOLDER = Path(".dtx/runs/a")


@pytest.fixture
def run() -> RunBuilder:
    """A run with one branch in doubt from 1 s to 4 s, which is decided late."""
    built = RunBuilder()
    built.commit("t000001", 0.9)
    built.in_doubt("t000001", PAYMENTS, 1.0, 4.0)
    built.decisions.append(
        DecisionRow(participant="log-db", subject="t000001", decision="abort", at_ns=wall(4.5))
    )
    return built


def record(run: RunBuilder, system: str = "2pc") -> None:
    """Write the run as one of this system, of whose file only the queries count here."""
    plan = make_plan(system_name=system, system=dict(load_system(find_system(system)).tables))
    folder = write_run(FOLDER, plan, None)
    with contextlib.closing(folder.history()) as writer:
        for entry in run.entries():
            writer.append(entry)
    observations = run.observations()
    if observations is not None:
        folder.write_observations(observations)


def test_branches_are_listed_with_what_the_decision_log_says(dtx: Dtx, run: RunBuilder) -> None:
    record(run)
    answer = dtx("show", "a", "--in-doubt")
    assert answer.code is ExitCode.HOLDS
    for words in (
        "most at once, at 2.5 s: 1 branch",
        "log-db says",
        "shop:t000001:payments-db",
        "nothing; abort 2.0 s later",
        "at the end: none",
    ):
        assert words in answer.out
    document = json.loads(dtx("show", "a", "--in-doubt", "--json").out)
    [branch] = document["worst"]["branches"]
    assert (branch["participant"], branch["tx"], branch["age_s"]) == (PAYMENTS, "t000001", 1.5)
    assert (branch["rows"], branch["decision"]) == (1, "nothing; abort 2.0 s later")
    assert document["end"]["branches"] == []


def test_stranger_s_branch_is_listed_as_what_it_is(dtx: Dtx, run: RunBuilder) -> None:
    run.prepared.append(PreparedRow(participant=PAYMENTS, gid="X'ff00fe',X'80',7"))
    run.prepared.append(PreparedRow(participant=ORDERS, gid="report_\x1b[2J"))
    record(run)
    out = dtx("show", "a", "--in-doubt").out
    assert "X'ff00fe',X'80',7 (names no transaction of this run)" in out
    assert "report_\N{REPLACEMENT CHARACTER}[2J (names no transaction of this run)" in out
    assert "shop:t000001:payments-db " in out


def test_a_run_without_any_says_so_and_that_no_log_was_read(dtx: Dtx) -> None:
    record(RunBuilder(), "saga")
    out = dtx("show", "a", "--in-doubt").out
    assert "no branch stayed in doubt for long" in out
    assert "observe] decisions" in out
    document = json.loads(dtx("show", "a", "--in-doubt", "--json").out)
    assert document["worst"] is None


def test_a_run_that_was_cut_short_does_not_know_its_end(dtx: Dtx, run: RunBuilder) -> None:
    run.is_observed = False
    record(run)
    answer = dtx("show", "a", "--in-doubt")
    assert answer.code is ExitCode.HOLDS
    assert "did not come to its end" in answer.out
    assert json.loads(dtx("show", "a", "--in-doubt", "--json").out)["end"] is None


def test_a_run_of_an_older_dtx_is_refused(dtx: Dtx) -> None:
    record(RunBuilder())
    complete = FOLDER / "observations" / "complete.json"
    old = json.loads(complete.read_text())
    del old["rows"]["decisions"]
    complete.write_text(json.dumps(old))
    answer = dtx("show", "a", "--in-doubt")
    assert answer.code is ExitCode.USAGE
    assert "did not watch prepared branches" in answer.err


def test_it_needs_a_run_and_no_transaction(dtx: Dtx) -> None:
    write_run(FOLDER, make_plan(), make_holds())
    answer = dtx("show", "saga", "--in-doubt")
    assert answer.code is ExitCode.USAGE
    assert "only a run has branches in doubt" in answer.err
    answer = dtx("show", "a", "--in-doubt", "--tx", "t000001")
    assert answer.code is ExitCode.USAGE
    assert "--tx and --in-doubt" in answer.err
