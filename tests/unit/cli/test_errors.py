"""Errors become exit codes and at most three lines; nothing else turns them into output."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from dtx.cli.invocation import Invocation
from dtx.cli.signals import interruptible
from dtx.cli.troubles import tell, trouble_of
from dtx.core.errors import ProvisionError, UsageError
from dtx.core.events import TrialEvent, TrialPlanned
from dtx.core.exit_codes import ExitCode
from dtx.experiment import session
from dtx.experiment.settings import ExperimentSettings
from tests.support.verdicts import make_plan
from tests.unit.cli.conftest import Dtx


@pytest.mark.parametrize(
    ("words", "suggestion"),
    [
        (["rnu", "saga"], "run"),
        (["run", "sgaa"], "saga"),
        (["run", "saga", "--falt", "partition"], "--fault"),
        (["run", "saga", "--plan", "--fault", "partitoin"], "partition"),
        (["run", "saga", "--plan", "--fault", "partition@orders->payment"], "orders->payments"),
        (["run", "saga", "--plan", "--variant", "not-idempotnt"], "not-idempotent"),
        (["run", "saga", "--runtime", "dokcer"], "docker"),
        (["show", "sga"], "saga"),
        (["list", "system"], "systems"),
        (["matrix", "saga", "--fault", "kil"], "kill"),
    ],
)
def test_a_wrong_name_is_a_usage_error_with_a_suggestion(
    dtx: Dtx, words: list[str], suggestion: str
) -> None:
    answer = dtx(*words)
    assert answer.code is ExitCode.USAGE
    assert suggestion in answer.err
    assert "Traceback" not in answer.err
    assert len(answer.err.strip().splitlines()) <= 3
    assert answer.out == ""


def test_an_error_has_at_most_three_lines_and_the_rest_is_kept_in_the_run_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = "worker orders was not ready\n" + "\n".join(f"line {n}" for n in range(20))
    invocation = Invocation(folder=tmp_path)
    tell(trouble_of(ProvisionError(message, hint="look at it"), invocation), invocation)
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 3
    assert "worker orders was not ready" in lines[0]
    assert "line 19" in lines[1]
    assert "look at it" in lines[2]
    assert "line 7" in (tmp_path / "error.txt").read_text()


def test_of_a_long_output_the_line_that_says_why_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = (
        "worker shop ended with exit status 1; its last output:\nError: no pg\n    at x\n\nv20"
    )
    invocation = Invocation(folder=tmp_path)
    tell(trouble_of(ProvisionError(message), invocation), invocation)
    assert capsys.readouterr().err.splitlines()[1] == "  Error: no pg"


def _failing(error: BaseException, folder: Path | None = None) -> object:
    def run_experiment(settings: ExperimentSettings) -> Iterator[TrialEvent]:
        del settings
        if folder is not None:
            yield TrialPlanned(plan=make_plan(system={}), folder=folder, runtime_reason="asked for")
        raise error

    return run_experiment


def test_a_defect_is_exit_5_and_leaves_its_traceback_in_the_run_folder(
    dtx: Dtx, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(session, "run_experiment", _failing(RuntimeError("broken"), tmp_path))
    answer = dtx("run", "saga", "--quiet")
    assert answer.code is ExitCode.INTERNAL
    assert len(answer.err.strip().splitlines()) == 1
    assert "RuntimeError: broken" in answer.err
    assert "Traceback" in (tmp_path / "traceback.txt").read_text()


def test_a_defect_prints_its_traceback_with_debug_only(
    dtx: Dtx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "run_experiment", _failing(RuntimeError("broken")))
    assert "Traceback" not in dtx("run", "saga").err
    assert "Traceback" in dtx("--debug", "run", "saga").err
    assert "Traceback" in dtx("run", "saga", "--debug").err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), ExitCode.USAGE),
        (ProvisionError("x"), ExitCode.ENVIRONMENT),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
        (OSError(28, "No space left on device"), ExitCode.ENVIRONMENT),
        (OSError(22, "Invalid argument"), ExitCode.INTERNAL),
        (SystemError("x"), ExitCode.INTERNAL),
    ],
)
def test_every_error_has_its_exit_code(
    dtx: Dtx, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: ExitCode
) -> None:
    monkeypatch.setattr(session, "run_experiment", _failing(error))
    assert dtx("run", "saga").code is code


def test_an_interrupt_says_that_all_was_cleaned_up(
    dtx: Dtx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "run_experiment", _failing(KeyboardInterrupt()))
    assert "interrupted; everything was cleaned up" in dtx("run", "saga").err


@pytest.fixture
def heeded() -> Iterator[None]:
    """Heed the signals that end a command, though whoever started the tests may ignore them (nohup, `&`)."""
    before = {
        n: signal.signal(n, signal.SIG_DFL) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("heeded")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_interrupts_and_further_ones_are_ignored(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    is_cleaned_up = False
    with pytest.raises(KeyboardInterrupt), interruptible():
        try:
            os.kill(os.getpid(), number)
            pytest.fail("the signal did not interrupt")
        finally:
            for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                os.kill(os.getpid(), other)
            is_cleaned_up = True
    assert is_cleaned_up
    assert signal.getsignal(number) is before


def test_a_signal_that_the_caller_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("error", "code"),
    [(UsageError("x", hint="y"), 2), (ProvisionError("x", hint="y"), 4), (KeyError("x"), 5)],
)
def test_an_error_with_json_is_one_document_on_stdout(
    dtx: Dtx, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    monkeypatch.setattr(session, "run_experiment", _failing(error))
    answer = dtx("run", "saga", "--json")
    document = json.loads(answer.out)
    assert (answer.code, document["status"], document["exit_code"]) == (code, "error", code)
    assert document["message"] in answer.err
    assert document["hint"] in answer.err
    assert dtx("run", "saga").out == ""


def test_a_wrong_option_with_json_is_a_document_too(dtx: Dtx) -> None:
    for words in (["check", "--json"], ["list", "--json"], ["run", "saga", "--seed=x", "--json"]):
        answer = dtx(*words)
        assert answer.code is ExitCode.USAGE
        assert json.loads(answer.out)["exit_code"] == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["list"], "dtx list: wanted one of systems, faults, variants, checkers, runs, workloads"),
        (["list", "foo"], "dtx: KIND foo: wanted one of systems, faults"),
        (["images"], "dtx images: wanted one of build, list"),
        (["run"], "dtx run: wanted SYSTEM"),
        (["run", "saga", "--seed", "abc"], "dtx: --seed abc: must be a whole number"),
        (["run", "saga", "--rate", "abc"], "dtx: --rate abc: must be a number"),
        (["run", "saga", "--seed"], "dtx: --seed needs a value"),
        (["selftest", "--seeds", "0"], "dtx: --seeds 0: must be at least 1"),
        (["run", "saga", "--runtime", "x"], "dtx: --runtime x: wanted one of auto, docker, local"),
        (["check", "a", "b"], "dtx check: too many words: b"),
        (["frob"], "dtx: there is no command frob"),
    ],
)
def test_a_wrong_command_line_is_told_in_plain_words(dtx: Dtx, words: list[str], said: str) -> None:
    answer = dtx(*words)
    assert answer.code is ExitCode.USAGE
    assert answer.err.startswith(said)
    assert len(answer.err.splitlines()) <= 3
    for foreign in ("Value error", "Input should", "Invalid value", "Usage:"):
        assert foreign not in answer.err


def test_an_interrupt_names_the_run_folder(
    dtx: Dtx, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(session, "run_experiment", _failing(KeyboardInterrupt(), tmp_path))
    said = dtx("run", "saga", "--quiet").err
    assert f"what was recorded: {tmp_path} (`dtx check {tmp_path}` judges it)" in said


def test_version_is_printed(dtx: Dtx) -> None:
    answer = dtx("--version")
    assert answer.code is ExitCode.HOLDS
    assert answer.out.startswith("dtx ")


def test_help_is_printed_without_arguments(dtx: Dtx) -> None:
    answer = dtx()
    assert answer.code is ExitCode.HOLDS
    assert "Usage: dtx" in answer.out


def test_the_plan_is_printed_as_one_json_document(dtx: Dtx) -> None:
    answer = dtx(
        "run",
        "saga",
        "--fault",
        "partition",
        "--seed",
        "7",
        "--runtime",
        "local",
        "--plan",
        "--json",
    )
    assert answer.code is ExitCode.HOLDS
    document = json.loads(answer.out)
    assert document["seed"] == 7
    assert document["schedule"]["windows"][0]["fault"] == "partition"


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("rnu",), "run"),
        (("images", "bild"), "build"),
        (("run", "saga", "--fautl", "x"), "--fault"),
        (("matrix", "--sedes", "3"), "--seeds"),
        (("down", "--al"), "--all"),
        (("list", "sytems"), "systems"),
        (("list", "hold"), "held"),
        (("run", "sagaa"), '"saga"'),
        (("run", "tll"), '"till"'),
        (("run", "./tll"), '"till"'),
        (("up", "sagaa"), '"saga"'),
        (("run", "saga", "--variant", "not-idempotant"), '"not-idempotent"'),
        (("selftest", "--variant", "not-idempotant"), '"not-idempotent"'),
        (("matrix", "saga", "--variant", "not-idempotant"), '"not-idempotent"'),
        (("run", "saga", "--runtime", "lcal"), "local"),
        (("run", "saga", "--fault", "partiton"), '"partition"'),
        (("run", "saga", "--fault", "partition@order->payments"), '"orders->payments"'),
        (("run", "saga", "--fault", "kill@paymnts"), '"payments"'),
        (("run", "saga", "--fault", "crash-at:after-log-debitd@orders"), '"after-log-debited"'),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_wrong_name_gets_the_right_one_suggested(
    dtx: Dtx, words: tuple[str, ...], meant: str
) -> None:
    Path("till").mkdir()
    (Path("till") / "system.toml").write_text("")
    answer = dtx(*words)
    assert answer.code is ExitCode.USAGE
    assert f"did you mean {meant}?" in answer.err
    assert len(answer.err.splitlines()) <= 3


@pytest.mark.parametrize(
    "words",
    [("matrix", "--plan"), ("check", "--tx"), ("run", "saga", "--tx", "t1"), ("list", "--foo")],
)
def test_an_option_like_no_other_gets_none_suggested(dtx: Dtx, words: tuple[str, ...]) -> None:
    answer = dtx(*words)
    assert answer.code is ExitCode.USAGE
    assert "hint:" in answer.err
    assert "did you mean" not in answer.err


@pytest.mark.parametrize("command", ["run", "up", "show"])
def test_a_folder_that_is_not_there_gets_a_hint_where_systems_are(dtx: Dtx, command: str) -> None:
    answer = dtx(command, "./nowhere")
    assert answer.code is ExitCode.USAGE
    assert "`dtx list systems`" in answer.err
