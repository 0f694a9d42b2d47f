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
    CellStarted,
    MatrixFinished,
    SelftestFinished,
)
from dtx.core.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import Generator

    from rich.console import Console

    from dtx.campaign.cells import CampaignSettings
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
    events: "Campaign", last: type[Finished], console: "Console", *, is_quiet: bool
) -> Finished:
    """Show every cell as it comes, and return the campaign's last event.

    Raises:
        DtxError: a system or fault is wrong, or the runtime can't be used.
    """
    finished: Finished | None = None
    with (
        _reporter(console, is_quiet=is_quiet) as progress,
        shown() if progress.shows_interrupts else contextlib.nullcontext(),
        contextlib.closing(events) as running,
    ):
        for event in running:
            if isinstance(event, CampaignStarted | CellStarted | CellFinished):
                progress.see(event)
            elif isinstance(event, last):
                finished = event
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


def plain(value: object) -> object:
    """Return a struct as JSON values."""
    return msgspec.to_builtins(value)
