"""The live view in a real terminal: what is hurt is red while it is, and nothing is left at the end."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dtx.core.deadline import Deadline
from tests.support.leftovers import left_of_local_run
from tests.support.terminal import Terminal

pytestmark = pytest.mark.local
RED3 = "d70000"
WITHIN_S = 60.0
BUSY = ("submitting transactions", "waiting until all is quiet", "warming up", "[client]", "|")


def run_saga(place: Path, *words: str, **env: str) -> Terminal:
    return Terminal(
        [sys.executable, "-m", "dtx", "run", "saga", *words, "--duration", "3", "--runtime", "local",
         "--out", str(place / "runs")],
        cwd=place, env={"TMPDIR": str(place / "tmp")} | env, python=sys.executable, rows=50,
    )  # fmt: skip


@pytest.fixture
def partitioned(place: Path) -> Iterator[Terminal]:
    with run_saga(place, "--fault", "partition@orders->payments", "--seed", "7") as terminal:
        yield terminal


def test_the_hurt_link_is_red_while_the_fault_is_on_and_the_report_stands_alone_at_the_end(
    partitioned: Terminal, place: Path
) -> None:
    terminal = partitioned
    assert terminal.read_until(lambda: "──> [payments]" in terminal.text, Deadline.after(WITHIN_S))
    assert terminal.colour_of("> [payments]") == "default"
    assert terminal.read_until(lambda: "x> [payments]" in terminal.text, Deadline.after(WITHIN_S))
    assert terminal.colour_of("x> [payments]") == RED3
    assert terminal.colour_of("> [inventory]") == "default"
    assert terminal.read_until(lambda: "x>" not in terminal.text, Deadline.after(WITHIN_S))
    assert terminal.finish(Deadline.after(WITHIN_S)) == 0, terminal.text
    assert terminal.lines[0].startswith(" HOLDS   saga under partition"), terminal.text
    assert not [words for words in BUSY if words in terminal.text]
    assert terminal.screen.cursor.hidden is False
    assert not left_of_local_run(place)


def test_ctrl_c_takes_the_view_away_and_leaves_one_line(partitioned: Terminal, place: Path) -> None:
    terminal = partitioned
    assert terminal.read_until(lambda: "x> [payments]" in terminal.text, Deadline.after(WITHIN_S))
    terminal.type("\x03")
    assert terminal.finish(Deadline.after(WITHIN_S)) == 130
    said = " ".join(line for line in terminal.lines if line)
    assert said.removeprefix("^C").startswith("interrupted; everything was cleaned up"), said
    assert not [words for words in BUSY if words in terminal.text]
    assert terminal.screen.cursor.hidden is False
    assert not left_of_local_run(place)


def test_a_terminal_that_knows_no_control_codes_gets_plain_lines(place: Path) -> None:
    with run_saga(place, "--seed", "7", TERM="dumb") as terminal:
        assert terminal.finish(Deadline.after(WITHIN_S)) == 0
        assert b"\x1b[" not in terminal.written
        assert b"submitting transactions" in terminal.written


def test_no_color_is_honoured_and_the_hurt_link_still_shows(place: Path) -> None:
    with run_saga(place, "--fault", "partition@orders->payments", NO_COLOR="1") as terminal:
        assert terminal.read_until(
            lambda: "x> [payments]" in terminal.text, Deadline.after(WITHIN_S)
        )
        assert terminal.colour_of("x> [payments]") == "default"
        terminal.type("\x03")
        assert terminal.finish(Deadline.after(WITHIN_S)) == 130
