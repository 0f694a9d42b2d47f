"""Tables of campaigns."""

import io

from rich.console import Console, RenderableType

from dtx.core.campaign import (
    CampaignStarted,
    Cell,
    CellFinished,
    CellResult,
    CellStarted,
    MatrixFinished,
    MatrixRow,
    SelftestFinished,
    SelftestRow,
    Skipped,
)
from dtx.core.exit_codes import ExitCode
from dtx.core.verdict import Status
from dtx.report.campaign import matrix_table, selftest_table
from dtx.report.campaign_progress import CampaignPicture, PlainCampaignProgress

CELL = Cell(system="saga", variant=None, fault="partition", seed=3)
ACCUSED = CellResult(
    cell=CELL,
    exit_code=ExitCode.VIOLATED,
    status=Status.VIOLATED,
    violated=("atomicity",),
    folder="runs/accused",
)
BROKEN = CellResult(cell=CELL, exit_code=ExitCode.ENVIRONMENT, error="no image\nlong story")


def rendered(part: RenderableType, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(part)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_matrix_says_what_was_skipped_and_why() -> None:
    skipped = Skipped(system="saga", variant=None, fault="power-loss", reason="no durable files")
    finished = MatrixFinished(rows=(), results=(), exit_code=ExitCode.UNKNOWN, skipped=(skipped,))
    text = rendered(matrix_table(finished))
    assert "saga x power-loss: skipped: no durable files" in text
    assert "UNKNOWN, 0 runs" in text


def test_a_matrix_names_the_folder_of_every_run_that_does_not_hold() -> None:
    row = MatrixRow(
        system="saga", variant=None, fault="partition", cells=3, landed=3, holds=2, violated=1,
        unknown=0, failed=0,
    )  # fmt: skip
    text = rendered(
        matrix_table(MatrixFinished(rows=(row,), results=(ACCUSED,), exit_code=ExitCode.VIOLATED))
    )
    assert "runs/accused" in text
    assert "VIOLATED" in text
    assert "HOLDS" not in text


def test_a_selftest_that_misses_a_variant_says_so_and_what_came_instead() -> None:
    row = SelftestRow(
        system="saga", variant=None, fault="partition", expected=(), cells=10, landed=10,
        as_expected=9, is_passed=False, others={"violated: atomicity": 1},
    )  # fmt: skip
    text = rendered(
        selftest_table(
            SelftestFinished(rows=(row,), results=(ACCUSED,), exit_code=ExitCode.VIOLATED)
        )
    )
    assert "MISSED" in text
    assert "1 x violated: atomicity" in text
    assert "runs/accused" in text


def test_a_selftest_that_did_what_it_should_has_passed_whatever_its_runs_were() -> None:
    row = SelftestRow(
        system="saga", variant="broken", fault="partition", expected=("atomicity",), cells=1, landed=1,
        as_expected=1, is_passed=True, others={},
    )  # fmt: skip
    finished = SelftestFinished(rows=(row,), results=(ACCUSED,), exit_code=ExitCode.HOLDS)
    text = rendered(selftest_table(finished))
    assert text.strip().splitlines()[-1] == "PASSED, 1 run"
    assert "HOLDS" not in text


def test_a_selftest_names_the_folders_of_those_runs_only_that_were_not_as_expected() -> None:
    row = SelftestRow(
        system="saga", variant=None, fault="partition", expected=("atomicity",), cells=2, landed=2,
        as_expected=1, is_passed=False, others={"holds": 1},
    )  # fmt: skip
    held = CellResult(
        cell=CELL, exit_code=ExitCode.HOLDS, status=Status.HOLDS, folder="runs/held"
    )  # fmt: skip
    text = rendered(
        selftest_table(
            SelftestFinished(rows=(row,), results=(ACCUSED, held), exit_code=ExitCode.VIOLATED)
        )
    )
    assert "runs/held" in text
    assert "runs/accused" not in text


def test_plain_progress_has_one_line_for_each_cell() -> None:
    console = Console(file=io.StringIO(), width=80)
    with PlainCampaignProgress(console) as progress:
        progress.see(CampaignStarted(cells=(CELL, CELL)))
        for number, result in enumerate((ACCUSED, BROKEN), start=1):
            progress.see(CellStarted(cell=CELL, number=number))
            progress.see(CellFinished(result=result, number=number))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().strip().splitlines()
    assert len(lines) == 2
    assert "violated (atomicity)" in lines[0]
    assert "could not be run: no image" in lines[1]


def test_the_running_table_counts_each_systems_cells_and_says_how_long_it_takes() -> None:
    picture = CampaignPicture()
    other = Cell(system="saga", variant="not-idempotent", fault="lose-reply", seed=1)
    picture.see(CampaignStarted(cells=(CELL, CELL, other, other)))
    picture.see(CellStarted(cell=CELL, number=1))
    assert picture.left_s() is None
    assert "the first run" in rendered(picture)
    picture.see(CellFinished(result=ACCUSED, number=1))
    picture.see(CellStarted(cell=other, number=2))
    assert picture.left_s() is not None
    text = rendered(picture, width=80)
    assert [line.split() for line in text.splitlines()[:3]] == [
        ["system", "fault", "runs", "holds", "violated", "unknown", "failed"],
        ["saga", "partition", "1/2", ".", "1", ".", "."],
        ["saga/not-idempotent", "lose-reply", "0/2", ".", ".", ".", "."],
    ]
    assert "1/4" in text
    assert "now saga/not-idempotent x lose-reply seed 1" in text


def test_a_table_longer_than_the_terminal_shows_the_rows_around_the_one_at_hand() -> None:
    cells = tuple(Cell(system="saga", variant=None, fault=f"f{n:02}", seed=1) for n in range(60))
    picture = CampaignPicture()
    picture.see(CampaignStarted(cells=cells))
    picture.see(CellStarted(cell=cells[40], number=41))
    console = Console(file=io.StringIO(), width=80, height=24)
    console.print(picture)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert len(text.splitlines()) <= 24
    assert "f40" in text.split("\nnow ")[0]
    assert "f00" not in text


def test_an_interrupted_campaign_says_that_it_cleans_up() -> None:
    assert "cleaning up" in rendered(CampaignPicture(lambda: True))
