"""The pictures of the live view and of a report in the docs are what dtx draws."""

import io
import types
from pathlib import Path
from unittest import mock

import msgspec
from rich.console import Console

import dtx
from dtx.config.find import find_system
from dtx.config.loader import load_system
from dtx.core.events import Hurt, PhaseStarted, RecentLatency, Ticked, TrialPlanned
from dtx.core.history import PhaseName
from dtx.core.verdict import Verdict
from dtx.report import picture
from dtx.report.terminal import print_report
from tests.support.verdicts import make_plan

ROOT = Path(dtx.__file__).parent.parent
RECORDED = Path(__file__).with_name("partition-verdict.json")
FOLDER = Path(".dtx/runs/20260101T120000Z-saga-partition-7")


def console() -> Console:
    return Console(file=io.StringIO(), width=80, get_time=lambda: 0.0)


def text_of(target: Console) -> str:
    assert isinstance(target.file, io.StringIO)
    return target.file.getvalue()


def as_block(text: str) -> str:
    """Return the text as an indented block of markdown."""
    lines = [line.rstrip() for line in text.strip("\n").split("\n")]
    return "\n".join(f"    {line}" if line else "" for line in lines)


def live_view() -> str:
    """Return the live view of a run that stands in the midst of its partition."""
    now_s = [0.0]
    with mock.patch.object(picture, "time", types.SimpleNamespace(monotonic=lambda: now_s[0])):
        return _live_view(now_s)


def _live_view(now_s: list[float]) -> str:
    drawn = picture.Picture(lambda plan: load_system(find_system("saga")))
    drawn.see(TrialPlanned(plan=make_plan(), folder=FOLDER, runtime_reason="no Docker here"))
    drawn.see(PhaseStarted(phase=PhaseName.MAIN, within_s=10))
    hurt = (Hurt(target="orders->payments", fault="partition"),)
    for tenth in range(56):
        latency = RecentLatency(ended=50, median_ms=8.2, p99_ms=12.0 + tenth % 7)
        drawn.see(
            Ticked(
                phase=PhaseName.MAIN, at_s=tenth / 10, submitted=290, ok=114, fail=11, info=0,
                in_flight=165, latency=latency if tenth < 34 else None,
                hurt=hurt if tenth > 25 else (),
            )
        )  # fmt: skip
    now_s[0] = 5.6
    target = console()
    target.print(drawn)
    return as_block(text_of(target))


def report() -> str:
    """Return the report of a real run."""
    target = console()
    # Of a real run; the plan has what a report tells of it.
    schedule = msgspec.structs.replace(make_plan().schedule, duration_s=8.0)
    command = ("dtx", "run", "saga", "--fault", "partition", "--seed", "7", "--duration", "8")
    plan = make_plan(duration_s=8.0, schedule=schedule, command=command)
    verdict = msgspec.json.decode(RECORDED.read_bytes(), type=Verdict)
    print_report(target, plan, verdict, FOLDER)
    return as_block(text_of(target))


def test_the_readme_shows_the_live_view_as_it_is() -> None:
    assert live_view() in (ROOT / "README.md").read_text(), f"README.md must have:\n{live_view()}"


def test_the_tutorial_shows_a_report_as_it_is() -> None:
    tutorial = (ROOT / "docs" / "tutorial.md").read_text()
    assert report() in tutorial, f"docs/tutorial.md must have:\n{report()}"
