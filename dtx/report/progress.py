"""Progress as plain lines, for logs and pipes: one for each step, phase and change of what is hurt."""

from typing import Protocol, assert_never

from rich.console import Console

from dtx.core.events import (
    PhaseStarted,
    StepStarted,
    Ticked,
    TrialEvent,
    TrialFinished,
    TrialPlanned,
)
from dtx.core.history import PhaseName
from dtx.report.headline import subject
from dtx.report.wording import clean, command_line, listed, seconds

PHASE_WORDS = {
    PhaseName.WARM_UP: "warming up",
    PhaseName.MAIN: "submitting transactions",
    PhaseName.DRAIN: "healing, and waiting for the last answers",
    PhaseName.RECOVERY: "waiting until all is quiet",
    PhaseName.OBSERVE: "reading what the participants say",
    PhaseName.END: "done",
}


class Reporter(Protocol):
    """Shows events as they come; a context manager, since some hold the terminal.

    `shows_interrupts` says whether it tells of an interruption by itself.
    """

    shows_interrupts: bool

    def see(self, event: TrialEvent) -> None:
        """Take the next event."""

    def __enter__(self) -> "Reporter": ...

    def __exit__(self, *_: object) -> None: ...


class NoProgress:
    """Shows nothing."""

    shows_interrupts = False

    def see(self, event: TrialEvent) -> None:
        """Take the event and stay silent."""

    def __enter__(self) -> "NoProgress":
        return self

    def __exit__(self, *_: object) -> None:
        pass


class PlainProgress:
    """Prints lines that never change."""

    shows_interrupts = False

    def __init__(self, console: Console) -> None:
        self._console = console
        self._hurt: tuple[str, ...] = ()

    def __enter__(self) -> "PlainProgress":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def see(self, event: TrialEvent) -> None:
        """Print what is new in the event."""
        match event:
            case TrialPlanned():
                self._planned(event)
            case StepStarted():
                self._say(event.what)
            case PhaseStarted():
                within = "" if event.within_s is None else f" ({seconds(event.within_s)} at most)"
                self._say(f"{PHASE_WORDS[event.phase]}{within}")
            case Ticked():
                self._ticked(event)
            case TrialFinished():
                self._say(f"took {seconds(event.took_s)}")
            case _:
                assert_never(event)

    def _planned(self, event: TrialPlanned) -> None:
        plan = event.plan
        self._say(
            f"{subject(plan)}, seed {plan.seed}, runtime {plan.runtime}: {event.runtime_reason}"
        )
        self._say(f"run folder {event.folder}")
        self._say(f"repeat with: {command_line(plan.command)}")

    def _ticked(self, event: Ticked) -> None:
        hurt = tuple(dict.fromkeys(each.target for each in event.hurt))
        begun = [name for name in hurt if name not in self._hurt]
        healed = [name for name in self._hurt if name not in hurt]
        for words, names in (("hurt", begun), ("healed", healed)):
            if names:
                self._say(
                    f"{event.at_s:.1f} s: {words} {listed(names)}; {event.in_flight} under way, "
                    f"{event.ok} ok, {event.fail} refused, {event.info} unknown"
                )
        self._hurt = hurt

    def _say(self, words: str) -> None:
        self._console.print(clean(words), markup=False, highlight=False, soft_wrap=True)
