"""When things happened in a run: its phases, fault windows, processes, and the databases' clock."""

from collections.abc import Sequence
from dataclasses import dataclass

from dtx.core.history import (
    Clock,
    FaultEvent,
    FaultPhase,
    HistoryEntry,
    Phase,
    PhaseName,
    ProcessEvent,
    ProcessorUse,
    QuietEvent,
)
from dtx.core.schedule import Omission, Schedule, Window
from dtx.verify.processors import foreign_share


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultWindow:
    """A window of the schedule with what was recorded of it; times are monotonic ns.

    `end_ns` is the end of the history for a window that was never healed.
    """

    plan: Window
    injected: FaultEvent | None
    healed: FaultEvent | None
    history_end_ns: int

    @property
    def was_on(self) -> bool:
        """Whether the fault was really on for a while."""
        return self.injected is not None and not self.injected.error

    @property
    def is_left_on(self) -> bool:
        """Whether something was hurt and nothing proves that it was healed."""
        return self.was_on if self.healed is None else not self.healed.is_healed

    @property
    def begin_ns(self) -> int:
        """When it was injected; the end of the history if it never was."""
        return self.history_end_ns if self.injected is None else self.injected.at_ns

    @property
    def end_ns(self) -> int:
        """When it was healed."""
        return self.history_end_ns if self.healed is None else self.healed.at_ns

    @property
    def targets(self) -> tuple[str, ...]:
        """What was hurt; before injection, what was to be hurt."""
        return self.plan.targets if self.injected is None else self.injected.targets

    def overlaps(self, begin_ns: int, end_ns: int) -> bool:
        """Whether it was on at some moment from `begin_ns` to `end_ns`."""
        return self.was_on and self.begin_ns <= end_ns and begin_ns <= self.end_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The frame of a run.

    Attributes:
        phases: (name, at_ns) in order.
        windows: one for each window of the schedule, in its order.
        omitted: windows that had a chance and did not come.
        wall_offset_ns: monotonic time minus wall time; None without a clock entry.
        processor_uses: who had the processors, piece by piece; none in a history of before that was recorded.
        quiet: how the wait for quiet ended, None if the run never came so far.
        begin_ns, end_ns: times of the first and the last entry.
    """

    phases: tuple[tuple[PhaseName, int], ...]
    windows: tuple[FaultWindow, ...]
    omitted: tuple[Omission, ...]
    processes: tuple[ProcessEvent, ...]
    processor_uses: tuple[ProcessorUse, ...]
    quiet: QuietEvent | None
    wall_offset_ns: int | None
    begin_ns: int
    end_ns: int

    @property
    def last_phase(self) -> PhaseName | None:
        """The phase in which the history ends."""
        return self.phases[-1][0] if self.phases else None

    @property
    def main_ns(self) -> int:
        """When the main phase began; the first entry's time if it never did."""
        began = self.began(PhaseName.MAIN)
        return self.begin_ns if began is None else began

    @property
    def main_end_ns(self) -> int:
        """When the phase after the main one began, or the end of the history."""
        later = (at for _, at in self.phases if at > self.main_ns)
        return min(later, default=self.end_ns + 1)

    @property
    def foreign_share(self) -> float:
        """The part of the processors' time that other programs had: while the system had to recover, or all of the wait.

        The larger of two: since the first fault, for work piles up from then on, or else since the main phase began,
        and since the wait for quiet began, which may be a small part of that.
        """
        if not self.processor_uses:
            return 0.0
        until_ns = self.end_ns if self.quiet is None else self.quiet.at_ns
        hurt_ns = min((w.begin_ns for w in self.windows if w.was_on), default=self.main_ns)
        waited_ns = self.began(PhaseName.RECOVERY)
        begins = (hurt_ns,) if waited_ns is None else (hurt_ns, waited_ns)
        return max(foreign_share(self.processor_uses, begin, until_ns) for begin in begins)

    def began(self, phase: PhaseName) -> int | None:
        """Return when a phase began, None if it never did."""
        return next((at for name, at in self.phases if name is phase), None)

    def seconds(self, at_ns: int) -> float:
        """Return seconds since the main phase began, to the microsecond."""
        return round((at_ns - self.main_ns) / 1e9, 6)

    def from_wall(self, wall_ns: int | None) -> int | None:
        """Return the monotonic time of a wall-clock time, None where one of them is not known."""
        if wall_ns is None or self.wall_offset_ns is None:
            return None
        return wall_ns + self.wall_offset_ns


def build_timeline(schedule: Schedule, history: Sequence[HistoryEntry]) -> Timeline:
    """Sort out the entries that are not operations. Of several clocks the first counts."""
    phases: list[tuple[PhaseName, int]] = []
    processes: list[ProcessEvent] = []
    uses: list[ProcessorUse] = []
    faults: dict[tuple[int, FaultPhase], FaultEvent] = {}
    quiet: QuietEvent | None = None
    offset: int | None = None
    for entry in history:
        match entry:
            case Phase():
                phases.append((entry.name, entry.at_ns))
            case ProcessEvent():
                processes.append(entry)
            case ProcessorUse():
                uses.append(entry)
            case FaultEvent():
                faults[entry.window, entry.phase] = entry
            case QuietEvent():
                quiet = entry
            case Clock() if offset is None:
                offset = entry.at_ns - entry.wall_ns
            case _:
                pass
    # Several threads write, so the last line is not always the latest moment.
    end_ns = max((entry.at_ns for entry in history), default=0)
    return Timeline(
        phases=tuple(phases),
        windows=tuple(
            FaultWindow(
                plan=window,
                injected=faults.get((window.index, FaultPhase.INJECTED)),
                healed=faults.get((window.index, FaultPhase.HEALED)),
                history_end_ns=end_ns,
            )
            for window in schedule.windows
        ),
        omitted=schedule.omitted,
        processes=tuple(processes),
        processor_uses=tuple(uses),
        quiet=quiet,
        wall_offset_ns=offset,
        begin_ns=min((entry.at_ns for entry in history), default=0),
        end_ns=end_ns,
    )
