"""Progress: plain lines in a pipe, a picture on a terminal."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from dtx.core.events import (
    Hurt,
    PhaseStarted,
    RecentLatency,
    StepStarted,
    Ticked,
    TrialEvent,
    TrialFinished,
    TrialPlanned,
)
from dtx.core.history import PhaseName
from dtx.report.picture import Picture
from dtx.report.progress import PHASE_WORDS, PlainProgress
from dtx.report.schedule_bar import schedule_bar
from tests.support.systems import order_system
from tests.support.verdicts import make_holds, make_plan


def tick(at_s: float, *hurt: str, waiting_for: tuple[str, ...] = ()) -> Ticked:
    return Ticked(
        phase=PhaseName.MAIN, at_s=at_s, submitted=100, ok=80, fail=5, info=3, in_flight=12,
        latency=RecentLatency(ended=40, median_ms=8.2, p99_ms=1204.0),
        hurt=tuple(Hurt(target=name, fault="partition") for name in hurt), waiting_for=waiting_for,
    )  # fmt: skip


def events() -> Iterator[TrialEvent]:
    plan = make_plan()
    yield TrialPlanned(plan=plan, folder=Path("runs/a"), runtime_reason="asked for")
    yield StepStarted(what="starting 3 databases")
    yield PhaseStarted(phase=PhaseName.MAIN, within_s=10)
    yield tick(1.0)
    yield tick(2.6, "orders->payments")
    yield tick(2.7, "orders->payments")
    yield tick(7.6)
    yield PhaseStarted(phase=PhaseName.RECOVERY, within_s=10)
    yield tick(8.0, waiting_for=("payments-db: 3 pending",))
    yield TrialFinished(plan=plan, folder=Path("runs/a"), verdict=make_holds(), took_s=14.2)


def console(width: int = 80) -> Console:
    return Console(file=io.StringIO(), width=width)


def text_of(target: Console) -> str:
    assert isinstance(target.file, io.StringIO)
    return target.file.getvalue()


def test_plain_progress_has_one_line_for_each_phase_and_fault() -> None:
    target = console()
    with PlainProgress(target) as progress:
        for event in events():
            progress.see(event)
    lines = text_of(target).splitlines()
    assert sum("hurt orders->payments" in line for line in lines) == 1
    assert sum("healed orders->payments" in line for line in lines) == 1
    assert any("starting 3 databases" in line for line in lines)
    assert any("seed 7" in line for line in lines)
    assert any("dtx run saga --fault partition --seed 7" in line for line in lines)
    assert "\x1b" not in text_of(target)


@pytest.mark.parametrize("width", [40, 80, 140])
def test_the_picture_shows_phase_schedule_hurt_links_and_counts(width: int) -> None:
    picture = Picture(lambda plan: order_system())
    for event in list(events())[:5]:
        picture.see(event)
    target = console(width)
    target.print(picture)
    text = text_of(target)
    [hurt] = [line for line in text.splitlines() if "x> [payments]" in line]
    assert hurt.rstrip().endswith("partition")
    assert "x> [orders]" not in text
    assert "8.2 ms, p99 1.20 s" in text or width < 60
    assert "#" in text
    assert "80 ok" in text
    assert max(map(cell_len, text.splitlines())) <= width


@pytest.mark.parametrize("width", [80, 140])
def test_the_reason_for_the_runtime_is_whole(width: int) -> None:
    picture = Picture(lambda plan: order_system())
    plan = make_plan(variant="lost-reply-as-failure", seed=1234567890)
    why = "an engine with the images answers"
    picture.see(TrialPlanned(plan=plan, folder=Path("runs/a"), runtime_reason=why))
    target = console(width)
    target.print(picture)
    first, *_ = text_of(target).splitlines()
    assert f"({why})" in text_of(target)
    assert (f"({why})" in first) is (width == 140)


def test_the_picture_can_be_drawn_after_every_event() -> None:
    picture = Picture(lambda plan: order_system())
    target = console()
    target.print(picture)
    for event in events():
        picture.see(event)
        target.print(picture)
    assert "waiting for: payments-db: 3 pending" in text_of(target)


def test_every_phase_has_words() -> None:
    assert set(PHASE_WORDS) == set(PhaseName)


def test_the_schedules_bar_shows_the_window_and_a_mark_that_moves() -> None:
    schedule = make_plan().schedule
    before = schedule_bar(schedule, None, 80).plain
    early = schedule_bar(schedule, 1.0, 80).plain
    late = schedule_bar(schedule, 9.0, 80).plain
    end = schedule_bar(schedule, 10.0, 80).plain
    assert "|" not in before
    assert 0 < early.index("|") < early.index("#") < late.rindex("#") < late.index("|")
    assert "|" in end
    assert before.count("#") == pytest.approx(before.count("-"), abs=3)
