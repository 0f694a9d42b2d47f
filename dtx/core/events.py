"""What a trial tells while it runs: an iterator of these, which reporters render and nobody else prints."""

from dataclasses import dataclass
from pathlib import Path

from dtx.core.held import HeldEnvironment
from dtx.core.history import PhaseName
from dtx.core.run_folder import Plan
from dtx.core.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialPlanned:
    """The plan stands in the run folder; nothing has been started."""

    plan: Plan
    folder: Path
    runtime_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted:
    """Something that takes a moment begins, in a few words: `starting 3 databases`."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseStarted:
    """A part of the run begins; `within_s` is how long it takes at most, None if that is not known."""

    phase: PhaseName
    within_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentLatency:
    """Of the transactions that ended ok in the last second, from the moment at which they were meant to be submitted."""

    ended: int
    median_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Hurt:
    """A link or node that is hurt now, and by which fault."""

    target: str
    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """How it stands, several times a second: counts so far, and which links and nodes are hurt now.

    `at_s` is the time since the phase began; `waiting_for` is what keeps it from being quiet, in words;
    `latency` is None while nothing ends.
    """

    phase: PhaseName
    at_s: float
    submitted: int
    ok: int
    fail: int
    info: int
    in_flight: int
    latency: RecentLatency | None = None
    hurt: tuple[Hurt, ...] = ()
    waiting_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFinished:
    """The verdict stands in the run folder. The last event of every trial that was not interrupted."""

    plan: Plan
    folder: Path
    verdict: Verdict
    took_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentHeld:
    """The environment is held open from now on, by a process of its own. The last event of what is kept."""

    held: HeldEnvironment


TrialEvent = TrialPlanned | StepStarted | PhaseStarted | Ticked | TrialFinished
HoldEvent = TrialEvent | EnvironmentHeld
