"""A campaign in a real terminal: its table goes on Ctrl-C, and what it ran in goes too."""

import sys
from pathlib import Path

import pytest

from dtx.core.deadline import Deadline
from tests.support.leftovers import left_of_local_run
from tests.support.terminal import Terminal

WITHIN_S = 60.0


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
        assert said.removeprefix("^C").startswith("interrupted; everything was cleaned up"), said
        assert "now saga" not in terminal.text
        assert terminal.screen.cursor.hidden is False
    assert not left_of_local_run(place)
