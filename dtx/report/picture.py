"""What the live view of a trial shows: phase, schedule with a moving mark, latency, counts, and the system itself."""

import time
from collections.abc import Callable, Iterator

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from dtx.config.model import System
from dtx.core.events import (
    PhaseStarted,
    StepStarted,
    Ticked,
    TrialEvent,
    TrialFinished,
    TrialPlanned,
)
from dtx.core.history import PhaseName
from dtx.core.run_folder import Plan
from dtx.core.schedule import Layer, Schedule
from dtx.report import colours
from dtx.report.headline import subject
from dtx.report.progress import PHASE_WORDS
from dtx.report.schedule_bar import bar_cells, schedule_bar
from dtx.report.sparkline import LatencyTrack, sparkline
from dtx.report.topology import Topology, draw, topology_of
from dtx.report.wording import clean, milliseconds, seconds

CLEANING_UP = "interrupted; cleaning up (SIGKILL is safe too: the reaper cleans up then)"
_FEWEST_ROWS = 2
_WIDE = 72


class Picture:
    """What the view shows now; drawn from a thread of rich's while events come in.

    `system_of` reads the system that a plan holds; `is_interrupted` says whether the user wants the end.
    """

    def __init__(
        self,
        system_of: Callable[[Plan], System],
        is_interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        self._system_of = system_of
        self._is_interrupted = is_interrupted
        self._topology = Topology(nodes=(), links=(), stores=frozenset())
        self._plan: Plan | None = None
        self._reason = ""
        self._step = "planning"
        self._phase: PhaseStarted | None = None
        self._began = time.monotonic()
        self._tick: Ticked | None = None
        self._track = LatencyTrack(1.0)
        self._spinner = Spinner("line", style=colours.QUIET)

    def see(self, event: TrialEvent) -> None:
        """Take the next event."""
        if isinstance(event, TrialPlanned):
            self._plan, self._reason = event.plan, event.runtime_reason
            self._topology = topology_of(self._system_of(event.plan))
            self._track = LatencyTrack(event.plan.duration_s)
        elif isinstance(event, StepStarted):
            self._step, self._phase, self._began = event.what, None, time.monotonic()
        elif isinstance(event, PhaseStarted):
            self._phase, self._began = event, time.monotonic()
        elif isinstance(event, Ticked):
            self._tick = event
            if event.phase is PhaseName.MAIN and event.latency is not None:
                self._track.add(event.at_s, event.latency.p99_ms)
        elif isinstance(event, TrialFinished):
            self._plan = event.plan

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Group(*self._parts(options.max_width, console.height, is_ascii=options.ascii_only))

    def _parts(self, width: int, height: int, *, is_ascii: bool) -> Iterator[RenderableType]:
        head = list(self._head(width, is_ascii=is_ascii))
        foot = list(self._foot())
        yield from head
        if self._plan is not None and self._topology.links:
            rows = max(_FEWEST_ROWS, height - len(head) - len(foot) - 2)
            yield Text("")
            yield from self._system(width, rows, is_ascii=is_ascii)
        yield from foot

    def _head(self, width: int, *, is_ascii: bool) -> Iterator[RenderableType]:
        plan = self._plan
        if plan is not None:
            what = f"{subject(plan)}, seed {plan.seed}"
            where = f"runtime {plan.runtime} ({clean(self._reason)})"
            whole = f"{what}, {where}"
            for words in (whole,) if cell_len(whole) <= width else (what, where):
                yield _one_line(Text(words, style=colours.HEADING))
        yield self._now(width)
        if plan is not None and self._phase is not None:
            yield schedule_bar(plan.schedule, self._main_at_s(), width)
            yield self._latencies(plan, width, is_ascii=is_ascii)
        if self._tick is not None:
            yield _one_line(_counts(self._tick, "   " if width >= _WIDE else "  "))

    def _foot(self) -> Iterator[Text]:
        if self._tick is not None and self._tick.waiting_for:
            waiting = clean("; ".join(self._tick.waiting_for))
            yield _one_line(Text(f"waiting for: {waiting}", style=colours.UNSURE))

    def _now(self, width: int) -> RenderableType:
        if self._is_interrupted():
            return _one_line(Text(CLEANING_UP, style=colours.UNSURE))
        elapsed_s = time.monotonic() - self._began
        line = Table.grid(padding=(0, 1))
        words = PHASE_WORDS[self._phase.phase] if self._phase else self._step
        line.add_column()
        line.add_column(no_wrap=True, overflow="ellipsis")
        line.add_column(no_wrap=True)
        cells: list[RenderableType] = [self._spinner, Text(clean(words)), Text(seconds(elapsed_s))]
        if self._phase is not None and self._phase.within_s:
            left_s = max(0.0, self._phase.within_s - elapsed_s)
            bar = ProgressBar(
                total=self._phase.within_s,
                completed=min(elapsed_s, self._phase.within_s),
                width=max(8, min(30, width // 4 - 6)),
                complete_style=colours.BAR,
                finished_style=colours.BAR,
            )
            at_most = "" if self._phase.phase is PhaseName.MAIN else " at most"
            cells += [bar, Text(f"{seconds(left_s)} left{at_most}", style=colours.QUIET)]
            line.add_column(no_wrap=True)
            line.add_column(no_wrap=True)
        line.add_row(*cells)
        return line

    def _latencies(self, plan: Plan, width: int, *, is_ascii: bool) -> Text:
        cells = self._track.cells(bar_cells(plan.schedule, width))
        line = Text("    ")  # below the bar's own cells, behind its `0 s `
        line.append(sparkline(cells, is_ascii=is_ascii))
        recent = self._tick.latency if self._tick else None
        if recent is not None:
            line.append(f" {milliseconds(recent.median_ms)}, p99 {milliseconds(recent.p99_ms)}")
        elif self._tick is not None:
            line.append(" no ok answers now", style=colours.QUIET)
        return _one_line(line)

    def _main_at_s(self) -> float | None:
        """Return the time since the main phase began while it lasts; its whole length after it."""
        if self._phase is None or self._plan is None or self._phase.phase is PhaseName.WARM_UP:
            return None
        if self._phase.phase is not PhaseName.MAIN:
            return self._plan.duration_s
        return min(time.monotonic() - self._began, self._plan.duration_s)

    def _system(self, width: int, rows: int, *, is_ascii: bool) -> Iterator[Text]:
        faults = _labels(self._plan.schedule) if self._plan else []
        hurt = self._tick.hurt if self._tick else ()
        lines = draw(
            self._topology, width, hurt=hurt, label_cells=max(map(len, faults), default=0),
            is_ascii=is_ascii,
        )  # fmt: skip
        if len(lines) <= rows:
            yield from lines
            return
        # What is hurt must be seen, even on a terminal of few rows.
        names = ", ".join(f"{clean(each.target)} {each.fault}" for each in hurt)
        yield from lines[: rows - 1]
        words = Text(f"and {len(lines) - rows + 1} more rows   ", style=colours.QUIET)
        yield _one_line(words.append(names, style=colours.FAULT))


def _labels(schedule: Schedule) -> list[str]:
    """Return what may come to stand at the end of a row."""
    return [
        f"{target}: {window.name}" if window.layer is Layer.NODE else window.name
        for window in schedule.windows
        for target in window.targets
    ]


def _one_line(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _counts(tick: Ticked, gap: str) -> Text:
    return Text(gap).join(
        (
            Text(f"{tick.submitted:,} submitted"),
            Text(f"{tick.ok:,} ok", style=colours.GOOD),
            Text(f"{tick.fail:,} refused"),
            Text(f"{tick.info:,} unknown", style=colours.UNSURE if tick.info else ""),
            Text(f"{tick.in_flight:,} under way"),
        )
    )
