"""The live view of a trial on a terminal: phase, schedule with a moving mark, links and nodes, counts."""

import time
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

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
from dtx.report import colours
from dtx.report.headline import subject
from dtx.report.progress import PHASE_WORDS
from dtx.report.schedule_bar import schedule_bar
from dtx.report.wording import clean, seconds

REFRESHES_PER_S = 8
_SHOWN = 12


class LiveView:
    """A reporter that redraws a few lines in place and removes them at the end.

    `links_of` names the links that a plan's system has.
    """

    def __init__(self, console: Console, links_of: Callable[[Plan], Sequence[str]]) -> None:
        self.picture = Picture(links_of)
        self._live = Live(
            self.picture, console=console, transient=True, refresh_per_second=REFRESHES_PER_S
        )

    def __enter__(self) -> "LiveView":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def see(self, event: TrialEvent) -> None:
        """Take the event into the picture, which is redrawn by itself."""
        self.picture.see(event)


class Picture:
    """What the view shows now; drawn from a thread of rich's while events come in."""

    def __init__(self, links_of: Callable[[Plan], Sequence[str]]) -> None:
        self._links_of = links_of
        self._links: tuple[str, ...] = ()
        self._plan: Plan | None = None
        self._reason = ""
        self._step = "planning"
        self._phase: PhaseStarted | None = None
        self._began = time.monotonic()
        self._tick: Ticked | None = None
        self._spinner = Spinner("line", style=colours.QUIET)

    def see(self, event: TrialEvent) -> None:
        """Take the next event."""
        if isinstance(event, TrialPlanned):
            self._plan, self._reason = event.plan, event.runtime_reason
            self._links = tuple(self._links_of(event.plan))
        elif isinstance(event, StepStarted):
            self._step, self._phase, self._began = event.what, None, time.monotonic()
        elif isinstance(event, PhaseStarted):
            self._phase, self._began = event, time.monotonic()
        elif isinstance(event, Ticked):
            self._tick = event
        elif isinstance(event, TrialFinished):
            self._plan = event.plan

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Group(*self._lines(options.max_width))

    def _lines(self, width: int) -> Iterator[RenderableType]:
        if self._plan is not None:
            yield Text(
                f"{subject(self._plan)}, seed {self._plan.seed}, runtime {self._plan.runtime} "
                f"({clean(self._reason)})",
                style=colours.HEADING,
                no_wrap=True,
                overflow="ellipsis",
            )
        yield self._now(width)
        if self._plan is not None and self._phase is not None:
            yield schedule_bar(self._plan.schedule, self._main_at_s(), width)
            yield from self._system(width)
        if self._tick is not None:
            yield self._counts(self._tick)
            if self._tick.waiting_for:
                waiting = clean("; ".join(self._tick.waiting_for))
                yield Text(
                    f"waiting for: {waiting}", style="yellow", no_wrap=True, overflow="ellipsis"
                )

    def _now(self, width: int) -> RenderableType:
        elapsed_s = time.monotonic() - self._began
        line = Table.grid(padding=(0, 1))
        words = PHASE_WORDS[self._phase.phase] if self._phase else self._step
        cells: list[RenderableType] = [self._spinner, Text(words), Text(seconds(elapsed_s))]
        if self._phase is not None and self._phase.within_s:
            left_s = max(0.0, self._phase.within_s - elapsed_s)
            bar = ProgressBar(
                total=self._phase.within_s,
                completed=min(elapsed_s, self._phase.within_s),
                width=max(10, min(30, width // 4)),
            )
            cells += [bar, Text(f"{seconds(left_s)} left at most", style=colours.QUIET)]
        line.add_row(*cells)
        return line

    def _main_at_s(self) -> float | None:
        """Return the time since the main phase began while it lasts; its whole length after it."""
        if self._phase is None or self._plan is None or self._phase.phase is PhaseName.WARM_UP:
            return None
        if self._phase.phase is not PhaseName.MAIN:
            return self._plan.duration_s
        return min(time.monotonic() - self._began, self._plan.duration_s)

    def _system(self, width: int) -> Iterator[Text]:
        hurt = self._tick.hurt if self._tick else ()
        # Links keep their places; nodes are shown only while they are hurt.
        names = [*(name for name in hurt if name not in self._links), *self._links]
        line = Text()
        for name in names[:_SHOWN]:
            word = Text(clean(name), style=colours.FAULT if name in hurt else colours.QUIET)
            if name in hurt:
                word.append(" hurt", style=colours.FAULT)
            if line and len(line) + len(word) + 3 > width:
                yield line
                line = Text()
            line.append("   " if line else "")
            line.append_text(word)
        if line:
            yield line

    @staticmethod
    def _counts(tick: Ticked) -> Text:
        return Text.assemble(
            f"{tick.submitted:,} submitted   ",
            (f"{tick.ok:,} ok", "green"),
            f"   {tick.fail:,} refused   ",
            (f"{tick.info:,} unknown", "yellow" if tick.info else ""),
            f"   {tick.in_flight:,} under way",
        )
