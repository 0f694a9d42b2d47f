"""The nemesis over fakes: real threads, windows of no length that matters, no waiting in the test itself."""

import time

import pytest

from dtx.chaos.episode import Episode
from dtx.chaos.fault import Ports
from dtx.chaos.faults import FAULTS, SUMMARIES
from dtx.chaos.nemesis import Nemesis
from dtx.chaos.plan import parse_schedule
from dtx.core.deadline import Deadline, poll_until
from dtx.core.errors import InternalError
from dtx.core.history import FaultPhase, HistoryEntry
from tests.support.systems import order_system
from tests.unit.chaos.worlds import World

SYSTEM = order_system()


def test_every_window_is_injected_and_healed_even_if_the_run_stops_early() -> None:
    world = World()
    schedule = parse_schedule(
        ["partition@payments", "kill@orders-db"], SYSTEM, seed=1, duration_s=600
    )
    with Nemesis(schedule, world.ports) as nemesis:
        # The main phase began long ago, so both are due now and would be on for minutes.
        nemesis.start(time.monotonic_ns() - 200_000_000_000)
        assert poll_until(
            lambda: len(world.recorder.faults(FaultPhase.INJECTED)) == 2, Deadline.after(5)
        )
        assert {w.fault for w in nemesis.active()} == {"partition", "kill"}
    healed = world.recorder.faults(FaultPhase.HEALED)
    assert {e.window for e in healed} == {0, 1}
    assert all(e.is_healed for e in healed)
    assert not world.links.hurt_links
    assert nemesis.active() == ()


def test_a_window_that_was_not_due_yet_leaves_no_trace_after_a_stop() -> None:
    world = World()
    schedule = parse_schedule(["kill@orders,at=60s,for=1s"], SYSTEM, seed=1, duration_s=100)
    nemesis = Nemesis(schedule, world.ports)
    nemesis.start(time.monotonic_ns())
    assert nemesis.stop(Deadline.after(5))
    assert world.recorder.entries == []


def test_a_run_ends_by_itself_when_all_windows_are_over() -> None:
    world = World()
    schedule = parse_schedule(["partition@payments,at=0,for=20ms"], SYSTEM, seed=1, duration_s=1)
    nemesis = Nemesis(schedule, world.ports)
    nemesis.start(time.monotonic_ns())
    assert nemesis.wait(Deadline.after(5))
    assert len(world.recorder.faults(FaultPhase.HEALED)) == 1


def test_an_error_of_an_unexpected_kind_is_recorded_and_healed() -> None:
    world = World()

    def broken() -> None:
        raise ZeroDivisionError("a defect")

    world.links.traffic = broken  # type: ignore[method-assign,assignment]
    healed = world.run("partition", "orders->payments")
    assert "a defect" in healed.error
    assert world.links.calls == ["heal orders->payments"]


def test_a_recorder_that_fails_does_not_keep_a_fault_from_healing() -> None:
    world = World()

    class Full:
        def append(self, entry: HistoryEntry) -> None:
            raise OSError("no space left on device")

    ports = Ports(
        links=world.links,
        nodes=world.nodes,
        crash_points=world.crash_points,
        sessions=world.sessions,
        row_locks=world.row_locks,
        durability=world.durability,
        recorder=Full(),
        in_flight=world.in_flight,
    )
    schedule = parse_schedule(["partition@payments,at=0,for=20ms"], SYSTEM, seed=1, duration_s=1)
    nemesis = Nemesis(schedule, ports)
    nemesis.start(time.monotonic_ns())
    assert nemesis.wait(Deadline.after(5))
    assert world.links.calls[-1].startswith("heal")
    assert not world.links.hurt_links


def test_a_later_window_on_the_same_node_waits_until_the_earlier_one_is_healed() -> None:
    world = World()
    first, second = parse_schedule(
        ["kill@orders,at=1,for=1", "kill@orders,at=3,for=1"], SYSTEM, seed=1, duration_s=10
    ).windows
    kill = FAULTS["kill"]
    earlier = Episode(
        first, kill.wound(first, first.targets, world.ports, world.timer), world.ports, world.timer
    )
    later = Episode(
        second,
        kill.wound(second, second.targets, world.ports, world.timer),
        world.ports,
        world.timer,
        after=[earlier],
    )
    world.timer.at(world.seconds(4.5), earlier.ended.set)
    later.run(world.start_ns)
    (injected,) = world.recorder.faults(FaultPhase.INJECTED)
    assert injected.at_ns >= world.seconds(4.5)
    (healed,) = world.recorder.faults(FaultPhase.HEALED)
    assert healed.is_healed


def test_a_schedule_with_targets_to_choose_is_refused() -> None:
    schedule = parse_schedule(["partition"], SYSTEM, seed=1, duration_s=10)
    with pytest.raises(InternalError, match="still has targets to choose"):
        Nemesis(schedule, World().ports)


def test_every_fault_has_a_summary_of_one_line() -> None:
    assert set(SUMMARIES) == {"none", *FAULTS}
    assert all(s and "\n" not in s for s in SUMMARIES.values())
