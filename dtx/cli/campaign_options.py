"""What `dtx selftest` and `dtx matrix` share: their events on the terminal, and their settings."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from dtx.cli.signals import is_interrupted, shown
from dtx.core.campaign import (
    CampaignEvent,
    CampaignStarted,
    CellFinished,
    CellResult,
    CellStarted,
    MatrixFinished,
    SelftestFinished,
)
from dtx.core.errors import InternalError
from dtx.core.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from rich.console import Console, RenderableType

    from dtx.campaign.cells import CampaignSettings
    from dtx.cli.invocation import Invocation
    from dtx.report.campaign_progress import CampaignReporter

    Campaign = Generator[CampaignEvent, None, None]

Finished = TypeVar("Finished", MatrixFinished, SelftestFinished)


def campaign_settings(
    *, rate: float, duration: float, runtime: str, out: Path, fresh: bool
) -> "CampaignSettings":
    """Return what all cells share."""
    from dtx.campaign.cells import CampaignSettings  # noqa: PLC0415 (heavy)
    from dtx.targets.provision import RuntimeName  # noqa: PLC0415

    return CampaignSettings(
        rate=rate, duration_s=duration, runtime=RuntimeName(runtime), out=out, is_fresh=fresh
    )


def follow(
    events: "Campaign",
    last: type[Finished],
    cut_short: "Callable[[CampaignStarted, Sequence[CellResult]], Finished]",
    console: "Console",
    *,
    is_quiet: bool,
) -> Finished:
    """Show every cell as it comes, and return the campaign's last event; when interrupted, what had ended by then.

    Raises:
        DtxError: a system or fault is wrong, or the runtime can't be used.
        KeyboardInterrupt: interrupted before any cell had ended.
    """
    begun: CampaignStarted | None = None
    results: list[CellResult] = []
    finished: Finished | None = None
    try:
        with (
            _reporter(console, is_quiet=is_quiet) as progress,
            shown() if progress.shows_interrupts else contextlib.nullcontext(),
            contextlib.closing(events) as running,
        ):
            for event in running:
                # Noted before it is shown: what a user has seen end is in the result.
                if isinstance(event, CampaignStarted):
                    begun = event
                elif isinstance(event, CellFinished):
                    results.append(event.result)
                elif isinstance(event, last):
                    finished = event
                if isinstance(event, CampaignStarted | CellStarted | CellFinished):
                    progress.see(event)
    except KeyboardInterrupt:
        # Everything is cleaned up by now, and further signals are not heeded.
        if begun is None or not results:
            raise
        return cut_short(begun, results)
    if finished is None:
        raise InternalError("the campaign ended without a result")
    return finished


def _reporter(console: "Console", *, is_quiet: bool) -> "CampaignReporter":
    from dtx.report.campaign_progress import (  # noqa: PLC0415 (rich)
        LiveCampaign,
        NoCampaignProgress,
        PlainCampaignProgress,
    )
    from dtx.report.live import can_redraw  # noqa: PLC0415

    if is_quiet:
        return NoCampaignProgress()
    return (
        LiveCampaign(console, is_interrupted)
        if can_redraw(console)
        else PlainCampaignProgress(console)
    )


def answer(
    invocation: "Invocation", finished: Finished, table: "Callable[[Finished], RenderableType]"
) -> ExitCode:
    """Print what came of the campaign, and return its exit code."""
    if invocation.is_json:
        invocation.output.document(msgspec.to_builtins(finished))
        invocation.is_answered = True
    else:
        invocation.output.result.print(table(finished))
    return finished.exit_code
