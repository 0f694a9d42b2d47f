"""A campaign in a real terminal: its table goes on Ctrl-C, and what it ran in goes too."""

import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from dtx.core.deadline import Deadline, poll_until
from tests.support.commands import begun
from tests.support.leftovers import left_of_local_run
from tests.support.terminal import Terminal

WITHIN_S = 60.0
GONE_WITHIN_S = 5.0


@pytest.mark.local
def test_ctrl_c_takes_the_running_table_away_and_leaves_nothing(place: Path) -> None:
    with Terminal(
        [sys.executable, "-m", "dtx", "matrix", "saga", "--fault", "none", "--seeds", "3",
         "--duration", "1", "--runtime", "local", "--out", str(place / "runs")],
        cwd=place, env={"TMPDIR": str(place / "tmp")}, python=sys.executable,
    ) as terminal:  # fmt: skip
        assert terminal.read_until(lambda: "1/3" in terminal.text, Deadline.after(WITHIN_S))
        assert "now saga x none seed" in terminal.text
        terminal.type("\x03")
        assert terminal.finish(Deadline.after(WITHIN_S)) == 130
        said = " ".join(line for line in terminal.lines if line)
        # What had ended stays, as a table.
        assert said.removeprefix("^C").startswith("system"), said
        assert "INTERRUPTED, 1 run interrupted" in said
        assert said.endswith("interrupted; everything was cleaned up"), said
        assert "now saga" not in terminal.text
        assert terminal.screen.cursor.hidden is False
    assert not left_of_local_run(place)


def interrupted(campaign: "subprocess.Popen[str]", number: signal.Signals) -> tuple[str, str]:
    """Send the signal; return what was printed on stdout and stderr until the end."""
    try:
        campaign.send_signal(number)
        return campaign.communicate(timeout=WITHIN_S)
    finally:
        campaign.kill()


@pytest.mark.local
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize(
    "words",
    [
        ("matrix", "saga", "--fault", "none", "--seeds", "3"),
        ("selftest", "saga", "--variant", "not-idempotent", "--seeds", "3"),
    ],
    ids=lambda words: words[0],
)
def test_interrupted_campaign_prints_what_had_ended_as_one_document(
    words: tuple[str, ...], number: signal.Signals, place: Path
) -> None:
    command = (*words, "--duration", "1", "--runtime", "local", "--out", "runs", "--json")
    with begun(*command, cwd=place) as campaign:
        assert campaign.stderr is not None
        first = campaign.stderr.readline()  # the progress of the first cell, once it has ended
        assert first.startswith("1/"), first
        out, said = interrupted(campaign, number)
    assert campaign.returncode == 130, said
    assert "interrupted; everything was cleaned up" in said
    document = msgspec.json.decode(out)
    assert document["is_interrupted"] is True
    assert document["exit_code"] == 130
    assert [row["cells"] for row in document["rows"]] == [1]
    assert len(document["results"]) == 1
    assert poll_until(lambda: not left_of_local_run(place), Deadline.after(GONE_WITHIN_S))


@pytest.mark.local
def test_campaign_interrupted_before_any_cell_ended_is_an_error_document(place: Path) -> None:
    command = (
        "matrix",
        "saga",
        "--runtime",
        "local",
        "--duration",
        "60",
        "--out",
        "runs",
        "--json",
    )
    with begun(*command, cwd=place) as campaign:
        assert poll_until(lambda: any(place.glob("runs/2*")), Deadline.after(WITHIN_S))
        out, said = interrupted(campaign, signal.SIGTERM)
    assert campaign.returncode == 130, said
    assert msgspec.json.decode(out)["status"] == "error"
