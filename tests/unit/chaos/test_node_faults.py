"""Windows of kill, restart, pause and crash-at: ends, restarts, evidence."""

import pytest

from dtx.core.history import FaultPhase, ProcessEvent
from tests.unit.chaos.worlds import World


@pytest.fixture
def world() -> World:
    return World()


def test_a_killed_node_is_dead_for_the_window_and_healed_when_ready(world: World) -> None:
    healed = world.run("kill", "payments-db", at_s=1, until_s=3)
    assert [change for _, change, _ in world.recorder.processes()] == ["killed", "started", "ready"]
    assert healed.is_healed
    assert healed.at_ns == world.seconds(3.5), "the start takes half a second"
    (evidence,) = healed.nodes
    assert evidence.processes == 4
    assert evidence.restarted_after_s == pytest.approx(2.5)


def test_a_node_is_recorded_as_killed_when_it_is_dead_and_not_before(world: World) -> None:
    world.nodes.kill_takes_s = 0.25
    world.run("kill", "payments", at_s=1, until_s=3)
    killed, *_ = [e for e in world.recorder.entries if isinstance(e, ProcessEvent)]
    (injected,) = world.recorder.faults(FaultPhase.INJECTED)
    assert injected.at_ns == world.seconds(1)
    assert killed.at_ns == world.seconds(1.25)


def test_connections_that_are_gone_were_silenced(world: World) -> None:
    (evidence,) = world.run("kill", "payments").nodes
    assert (evidence.connections, evidence.silenced) == (6, 6)


def test_connections_that_go_on_speaking_were_not_silenced(world: World) -> None:
    world.nodes.keeps_connections = True
    (evidence,) = world.run("kill", "payments").nodes
    assert (evidence.connections, evidence.silenced) == (6, 0)


def test_connections_that_stay_open_but_silent_were_silenced(world: World) -> None:
    world.nodes.keeps_connections = True
    world.links.is_idle = True
    (evidence,) = world.run("kill", "payments").nodes
    assert (evidence.connections, evidence.silenced) == (6, 6)


def test_a_kill_waits_for_a_transaction_under_way(world: World) -> None:
    world.in_flight.now = 0
    world.timer.at(world.seconds(1.4), lambda: setattr(world.in_flight, "now", 1))
    world.run("kill", "payments-db")
    (injected,) = world.recorder.faults(FaultPhase.INJECTED)
    assert injected.in_flight == 1
    assert world.seconds(1.4) <= injected.at_ns < world.seconds(1.5)


def test_a_kill_does_not_wait_for_ever(world: World) -> None:
    world.in_flight.now = 0
    world.run("kill", "payments-db")
    (injected,) = world.recorder.faults(FaultPhase.INJECTED)
    assert (injected.in_flight, injected.error) == (0, "")
    assert injected.at_ns <= world.seconds(2.1)


def test_a_start_that_fails_is_tried_again(world: World) -> None:
    world.nodes.failing_starts = 1
    healed = world.run("kill", "payments-db")
    assert healed.is_healed
    assert world.nodes.is_alive("payments-db")


def test_a_node_that_does_not_come_back_is_not_healed(world: World) -> None:
    world.nodes.failing_starts = 9
    healed = world.run("kill", "payments-db", "payments")
    assert not healed.is_healed
    assert "payments-db did not become ready" in healed.error
    assert [c for c in world.nodes.calls if c == "start payments"], "the other one was tried too"


def test_a_restarted_node_is_stopped_for_the_window_and_healed_when_ready(world: World) -> None:
    healed = world.run("restart", "payments-db", at_s=1, until_s=2)
    assert world.recorder.processes()[0] == ("payments-db", "stopped", "cleanly")
    assert [change for _, change, _ in world.recorder.processes()[1:]] == ["started", "ready"]
    assert healed.is_healed
    (evidence,) = healed.nodes
    assert (evidence.processes, evidence.forced) == (4, 0)
    assert (evidence.connections, evidence.silenced) == (3, 3)
    assert evidence.restarted_after_s == pytest.approx(1.5)
    assert world.nodes.calls == ["stop payments-db", "start payments-db"]


def test_a_node_that_had_to_be_killed_was_not_stopped_cleanly(world: World) -> None:
    world.nodes.killed_at_stop = 2
    (evidence,) = world.run("restart", "payments").nodes
    assert evidence.forced == 2
    assert "2 of 4 processes did not end" in world.recorder.processes()[0][2]


def test_a_paused_node_is_stopped_for_the_window_and_goes_on(world: World) -> None:
    paused: list[str] = []
    world.timer.at(world.seconds(2), lambda: paused.extend(world.nodes.paused))
    healed = world.run("pause", "payments", at_s=1, until_s=3)
    assert paused == ["payments"]
    assert world.nodes.calls == ["pause payments", "resume payments"]
    assert [change for _, change, _ in world.recorder.processes()] == ["paused", "resumed"]
    assert healed.is_healed
    (evidence,) = healed.nodes
    assert (evidence.processes, evidence.connections, evidence.silenced) == (4, 6, 6)
    assert evidence.resumed_after_s == pytest.approx(2.0, abs=0.01)
    assert evidence.held_bytes == 20_000, "10 bytes a ms from orders, for two seconds"
    assert evidence.resumed_bytes > 0


def test_a_paused_node_with_nothing_to_do_says_nothing_afterwards(world: World) -> None:
    world.links.is_idle = True
    healed = world.run("pause", "payments", at_s=1, until_s=3)
    (evidence,) = healed.nodes
    assert (evidence.silenced, evidence.held_bytes, evidence.resumed_bytes) == (6, 0, 0)
    assert healed.at_ns <= world.seconds(3.6), "it is not waited for for ever"


def test_a_paused_node_that_goes_on_speaking_was_not_silent(world: World) -> None:
    world.nodes.leaks = True
    (evidence,) = world.run("pause", "payments").nodes
    assert (evidence.connections, evidence.silenced) == (6, 0)


def test_what_a_node_said_before_its_pause_is_acknowledged_late_and_does_not_count(
    world: World,
) -> None:
    world.links.ack_delay_ms = 40
    (evidence,) = world.run("pause", "payments-db").nodes
    assert (evidence.connections, evidence.silenced) == (3, 3)


def test_a_node_that_could_not_be_stopped_whole_is_resumed(world: World) -> None:
    world.nodes.refuse_pause = True
    healed = world.run("pause", "payments")
    assert "process 7 does not stop" in healed.error
    assert world.nodes.calls == ["pause payments", "resume payments"]


def test_a_node_is_resumed_though_its_links_can_not_be_read(world: World) -> None:
    def broken() -> None:
        raise OSError("no netlink")

    world.timer.at(
        world.seconds(2),
        lambda: setattr(world.links, "traffic", broken),
    )
    healed = world.run("pause", "payments", "orders")
    assert "no netlink" in healed.error
    assert not world.nodes.paused


def test_a_worker_that_crashed_comes_back_after_a_second_and_ends_the_window(world: World) -> None:
    world.timer.at(world.seconds(2), lambda: world.crash_points.reach("orders", "t000007"))
    healed = world.run("crash-at", "orders", arg="before-answer", nth=3, at_s=1, until_s=9)
    (evidence,) = healed.nodes
    assert evidence.is_crash_reached
    assert evidence.tx == "t000007"
    assert evidence.restarted_after_s == pytest.approx(1.5, abs=0.05)
    assert healed.fault == "crash-at:before-answer"
    assert world.seconds(3.4) < healed.at_ns < world.seconds(3.7)
    assert world.recorder.processes()[0] == (
        "orders",
        "killed",
        "killed itself at crash point before-answer (tx t000007)",
    )


def test_a_worker_that_crashed_late_is_back_when_the_window_ends(world: World) -> None:
    world.timer.at(world.seconds(2.9), lambda: world.crash_points.reach("orders", None))
    healed = world.run("crash-at", "orders", arg="before-answer", at_s=1, until_s=3)
    assert healed.nodes[0].restarted_after_s is not None
    assert healed.at_ns <= world.seconds(3.6)
    assert world.nodes.is_alive("orders")


def test_a_crash_point_is_armed_with_its_pass_and_disarmed_at_the_end(world: World) -> None:
    armed = {}
    world.timer.at(world.seconds(1.5), lambda: armed.update(world.crash_points.armed))
    healed = world.run("crash-at", "orders", "payments", arg="before-answer", nth=4)
    assert armed == {"orders": ("before-answer", 4), "payments": ("before-answer", 4)}
    assert not world.crash_points.armed
    assert healed.is_healed
    assert not any(node.is_crash_reached for node in healed.nodes)
    assert not world.nodes.calls


def test_the_next_pass_counts_once_half_of_the_window_went_by(world: World) -> None:
    armed: dict[str, tuple[str, int]] = {}
    world.timer.at(world.seconds(1.5), lambda: world.crash_points.reach("payments", None))
    world.timer.at(world.seconds(2.2), lambda: armed.update(world.crash_points.armed))
    world.run("crash-at", "orders", "payments", arg="before-answer", nth=4)
    assert armed["orders"] == ("before-answer", 1)
    assert armed["payments"] == ("before-answer", 4), "who has died is not armed again"


def test_a_worker_is_disarmed_before_it_is_started_again(world: World) -> None:
    was_armed = []
    start = world.nodes.start

    def watch_start(node: str) -> None:
        was_armed.append(node in world.crash_points.armed)
        start(node)

    world.nodes.start = watch_start  # type: ignore[method-assign]
    world.timer.at(world.seconds(2), lambda: world.crash_points.reach("orders", None))
    world.run("crash-at", "orders", "payments", arg="before-answer", until_s=9)
    assert was_armed == [False]


def test_a_crash_in_the_moment_of_disarming_is_noticed_and_healed(world: World) -> None:
    disarm = world.crash_points.disarm

    def die_first(worker: str) -> None:
        if worker in world.crash_points.armed:
            world.crash_points.reach(worker, "t000009")
        disarm(worker)

    world.crash_points.disarm = die_first  # type: ignore[method-assign]
    healed = world.run("crash-at", "orders", arg="before-answer")
    assert healed.nodes[0].tx == "t000009"
    assert world.nodes.is_alive("orders")


def test_a_worker_that_only_says_that_it_crashed_is_an_error(world: World) -> None:
    world.crash_points.kills = False
    world.timer.at(world.seconds(2), lambda: world.crash_points.reach("orders", None))
    healed = world.run("crash-at", "orders", arg="before-answer", until_s=9)
    assert "still runs" in healed.error
    assert healed.nodes[0].processes == 0
    assert not [c for _, c, _ in world.recorder.processes() if c == "killed"]


class TestPowerLoss:
    def test_a_worker_is_killed_and_its_files_are_cut_while_it_is_dead(self, world: World) -> None:
        healed = world.run("power-loss", "payments")
        (evidence,) = healed.nodes
        assert healed.is_healed
        assert world.durability.cut == ["payments"]
        assert (evidence.durable_files, evidence.cut_bytes, evidence.unseen) == (1, 100, "")
        assert evidence.silenced == 6
        details = [detail for _, change, detail in world.recorder.processes() if change == "killed"]
        assert details == ["4 processes by SIGKILL; 100 bytes that were not synced are lost"]

    def test_nothing_is_cut_where_it_is_not_known_what_was_synced(self, world: World) -> None:
        world.durability.why_unseen = "process 9 is written in Go"
        (evidence,) = world.run("power-loss", "payments").nodes
        assert world.durability.cut == []
        assert evidence.unseen == "process 9 is written in Go"
        assert evidence.processes == 4
