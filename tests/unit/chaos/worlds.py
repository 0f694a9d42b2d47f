"""A whole fake environment, and one episode run in it."""

from dataclasses import dataclass, field

from dtx.chaos.episode import Episode
from dtx.chaos.fault import Ports
from dtx.chaos.faults import FAULTS
from dtx.core.history import FaultEvent, FaultPhase
from dtx.core.schedule import Step, Window
from tests.support.fakes import (
    FakeCrashPoints,
    FakeDurability,
    FakeInFlight,
    FakeLinks,
    FakeNodes,
    FakeRecorder,
    FakeRowLocks,
    FakeSessions,
    FakeTimer,
)
from tests.support.systems import CRASH_POINTS, FIVE_LINKS


@dataclass
class World:
    """Everything that the nemesis can touch."""

    timer: FakeTimer = field(default_factory=FakeTimer)
    recorder: FakeRecorder = field(default_factory=FakeRecorder)
    in_flight: FakeInFlight = field(default_factory=FakeInFlight)

    def __post_init__(self) -> None:
        self.links = FakeLinks(self.timer, FIVE_LINKS)
        names = [*(f"{name}-db" for name in CRASH_POINTS), *CRASH_POINTS]
        self.nodes = FakeNodes(self.timer, self.links, names)
        self.crash_points = FakeCrashPoints(self.nodes)
        self.sessions = FakeSessions()
        self.row_locks = FakeRowLocks()
        self.durability = FakeDurability()
        self.start_ns = self.timer.now_ns()

    @property
    def ports(self) -> Ports:
        return Ports(
            links=self.links,
            nodes=self.nodes,
            crash_points=self.crash_points,
            sessions=self.sessions,
            row_locks=self.row_locks,
            durability=self.durability,
            recorder=self.recorder,
            in_flight=self.in_flight,
        )

    def seconds(self, since_start: float) -> int:
        """Return a moment of the main phase on the fake clock."""
        return self.start_ns + int(since_start * 1e9)

    def run(
        self,
        fault: str,
        *targets: str,
        at_s: float = 1.0,
        until_s: float = 3.0,
        arg: str | None = None,
        nth: int = 1,
        steps: tuple[Step, ...] = (),
    ) -> FaultEvent:
        """Run one window to its end and return its `healed` event."""
        window = Window(
            index=0,
            fault=fault,
            layer=FAULTS[fault].layer,
            proof=FAULTS[fault].proof,
            targets=targets,
            at_s=at_s,
            until_s=until_s,
            arg=arg,
            nth=nth,
            steps=steps,
        )
        wound = FAULTS[fault].wound(window, targets, self.ports, self.timer)
        Episode(window, wound, self.ports, self.timer).run(self.start_ns)
        (healed,) = self.recorder.faults(FaultPhase.HEALED)
        return healed
