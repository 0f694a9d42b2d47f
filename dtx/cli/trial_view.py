"""Shows the events of a trial, or of an environment that comes up, and returns what they led to."""

import contextlib
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dtx.cli.invocation import Invocation
from dtx.cli.signals import is_interrupted, shown

if TYPE_CHECKING:
    from dtx.core.events import HoldEvent, TrialFinished
    from dtx.core.held import HeldEnvironment
    from dtx.report.progress import Reporter


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The last events: of a trial, and of an environment that is held."""

    finished: "TrialFinished | None" = None
    held: "HeldEnvironment | None" = None


def watch(
    invocation: Invocation, events: "Generator[HoldEvent, None, None]", *, is_quiet: bool
) -> Seen:
    """Show every event as it comes; whatever way it ends, the events are closed and the view is gone.

    Raises:
        DtxError: what the events raise.
    """
    from dtx.core.events import EnvironmentHeld, TrialFinished, TrialPlanned  # noqa: PLC0415

    finished: TrialFinished | None = None
    held: HeldEnvironment | None = None
    with (
        _reporter(invocation, is_quiet=is_quiet) as reporter,
        shown() if reporter.shows_interrupts else contextlib.nullcontext(),
        contextlib.closing(events),
    ):
        for event in events:
            if isinstance(event, EnvironmentHeld):
                held = event.held
                continue
            if isinstance(event, TrialPlanned):
                invocation.folder = event.folder
            elif isinstance(event, TrialFinished):
                finished = event
            reporter.see(event)
    return Seen(finished=finished, held=held)


def _reporter(invocation: Invocation, *, is_quiet: bool) -> "Reporter":
    from dtx.experiment.judging import planned_system  # noqa: PLC0415 (heavy)
    from dtx.report.live import LiveView, can_redraw  # noqa: PLC0415 (start time)
    from dtx.report.progress import NoProgress, PlainProgress  # noqa: PLC0415

    if is_quiet:
        return NoProgress()
    console = invocation.output.progress
    if not can_redraw(console):
        return PlainProgress(console)
    return LiveView(console, planned_system, is_interrupted)
