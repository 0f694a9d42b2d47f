"""What a shell is given for a tab, through the protocol that the installed script speaks. Nothing ever raises."""

import io
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from dtx.cli.main import execute
from dtx.core.history import Invoked
from tests.support.verdicts import make_holds, make_plan, write_run

Complete = Callable[..., list[str]]
OWN = """
[system]
title = "A till"
[databases.till-db]
kind = "postgres"
[databases.till-db.observe]
effects = "select tx, step, effect, amount, at from effects"
[workers.till]
command = ["{python}", "till.py"]
http = true
[workers.till.env]
DATABASE_URL = "{databases.till-db.url}"
[client]
timeout_s = 3
ok = [201]
fail = [409]
[client.request]
method = "POST"
url = "{workers.till.url}/sales"
json = { tx = "{tx}" }
[client.participants]
till-db = "1"
[contract]
atomic = true
[options.transport]
default = "http"
[options.transport.values.kafka]
workers.till.env.TRANSPORT = "kafka"
[workloads.credit]
client.timeout_s = 4
[variants.broken]
workers.till.command = ["{python}", "broken.py"]
breaks = ["atomicity"]
exposed_by = ["kill@till"]
"""


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Complete:
    """Press the tab key behind these words, cut as bash would cut them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "till").mkdir()
    (tmp_path / "till" / "system.toml").write_text(OWN)

    def run(*words: str) -> list[str]:
        monkeypatch.setenv("_DTX_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", "\n".join(("dtx", *words)))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            try:
                code = int(execute(()))
            except SystemExit as end:
                code = int(end.code or 0)
        assert code == 0
        assert not err.getvalue()
        return out.getvalue().split()

    return run


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("r",), "run"),
        (("do",), "down"),
        (("run", ""), "saga"),
        (("run", "ti"), "till"),
        (("run", "./ti"), "./till"),
        (("run", "saga", "--fault", "part"), "partition"),
        (("run", "saga", "--variant", "not"), "not-idempotent"),
        (("run", "./till", "--variant", ""), "broken"),
        (("run", "./till", "--workload", ""), "credit"),
        (("run", "./till", "--tr"), "--transport"),
        (("run", "./till", "--transport", ""), "kafka"),
        (("run", "./till", "--transport", "k"), "kafka"),
        (("run", "saga", "--runtime", "l"), "local"),
        (("run", "saga", "--ke"), "--keep"),
        (("show", "sa"), "saga"),
        (("show", "latest", "--in"), "--in-doubt"),
        (("list", "ru"), "runs"),
        (("matrix", "saga", "--fault", "lose-re"), "lose-reply"),
        (("selftest", "saga", "--variant", "lost"), "lost-reply-as-failure"),
        (("images", "bu"), "build"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_what_begins_so_is_offered(complete: Complete, words: tuple[str, ...], wanted: str) -> None:
    assert wanted in complete(*words)


def test_links_and_nodes_of_the_system_stand_behind_the_at_sign(complete: Complete) -> None:
    # Unquoted: bash has cut the word, replaces only its last part, and would take `>` as a redirection.
    found = complete("run", "saga", "--fault", "partition", "@", "orders")
    assert r"@orders-\>payments" in found
    assert "@orders-db" in found
    assert not [name for name in found if not name.startswith("@orders")]
    assert "@till-db" in complete("run", "./till", "--fault", "kill", "@")
    assert complete("run", "saga", "--fault", "kill", "@", r"orders-\>pay") == [
        r"@orders-\>payments"
    ]
    assert "payments" in complete("run", "saga", "--fault", "kill", "@", "orders-", ">", "pay")


def test_quoted_words_are_completed_whole(complete: Complete) -> None:
    assert complete("run", "saga", "--fault", "'partition@orders->pay") == [
        "partition@orders->payments"
    ]
    assert "kill@payments+stall" in complete("run", "saga", "--fault", "'kill@payments+st")


def test_variants_of_another_system_are_not_offered(complete: Complete) -> None:
    assert complete("run", "./till", "--variant", "") == ["broken"]


def test_what_is_offered_fits_the_workload(complete: Complete) -> None:
    variants = complete("run", "saga", "--workload", "transfer", "--variant", "")
    assert variants == ["claims-isolation"]
    assert complete("run", "saga", "--workload", "credit", "--variant", "") == []
    links = complete("run", "saga", "--workload", "credit", "--fault", "'partition@orders->")
    assert links == ["partition@orders->orders-db", "partition@orders->customers"]


def test_crash_points_of_the_system_stand_behind_the_colon(complete: Complete) -> None:
    found = complete("run", "saga", "--fault", "crash-at", ":", "after-log-d")
    assert found == ["after-log-debited", "after-log-debited@"]
    quoted = complete("run", "saga", "--fault", "'kill@payments+crash-at:before-log-d")
    assert "kill@payments+crash-at:before-log-debited" in quoted
    assert complete("run", "saga", "--fault", "crash-at", ":")
    assert complete("run", "./till", "--fault", "crash-at", ":") == []


def test_crash_points_and_links_are_those_of_the_variant(complete: Complete) -> None:
    words = ("run", "2pc", "--variant", "late-decision", "--fault", "crash-at", ":", "after-early")
    assert complete(*words) == ["after-early-commit", "after-early-commit@"]


def test_first_transactions_of_the_run_are_offered(complete: Complete, tmp_path: Path) -> None:
    folder = write_run(
        tmp_path / ".dtx/runs" / "20260101T000000Z-a-none-1", make_plan(), make_holds()
    )
    history = folder.history()
    for number in range(120):
        tx = f"t{number:06}"
        history.append(Invoked(at_ns=number, tx=tx, process=1, intended_ns=number, value={}))
    history.close()
    for run in ("20260101T000000Z-a-none-1", str(folder.path)):
        assert complete("show", run, "--tx", "") == [f"t{number:06}" for number in range(50)]
    found = complete("show", folder.path.name, "--tx", "t00011")
    assert found == [f"t{number:06}" for number in range(110, 120)]


def test_runs_are_offered_newest_first_behind_latest(complete: Complete, tmp_path: Path) -> None:
    for name in ("20260101T000000Z-saga-none-1", "20260102T000000Z-saga-none-2"):
        write_run(tmp_path / ".dtx/runs" / name, make_plan(), make_holds())
    assert complete("check", "") == [
        "latest", "20260102T000000Z-saga-none-2", "20260101T000000Z-saga-none-1",
    ]  # fmt: skip
    assert complete("show", "2026010") == [
        "20260102T000000Z-saga-none-2",
        "20260101T000000Z-saga-none-1",
    ]


@pytest.mark.parametrize(
    "words",
    [
        ("show", "latest", "--tx", ""),
        ("run", "./nowhere", "--fault", "crash-at:"),
        ("run", "./nowhere", "--variant", ""),
        ("run", "./broken", "--variant", ""),
        ("run", "./broken", "--fault", "kill", "@", ""),
        ("run", "./broken", "--tr"),
        ("run", "\x00", "--variant", ""),
        ("check", "/root/\x00"),
        ("frobnicate", ""),
        ("run", "saga", "--fault", "@", "@", "@"),
        ("run", "saga", "'"),
        ("run", "/nonexistent/x"),
    ],
)
def test_nothing_raises_whatever_stands_there(
    complete: Complete, words: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "system.toml").write_text("[workers\n")
    if any("\x00" in word for word in words):
        words = tuple(word.replace("\x00", "\ufffd") for word in words)
    complete(*words)
