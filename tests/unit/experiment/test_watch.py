"""Deaths that no fault caused are recorded; what a fault does to a node is no death."""

from collections.abc import Iterator

import pytest

from dtx.core.deadline import Deadline, poll_until
from dtx.experiment import watch
from dtx.experiment.watch import WatchedNodes
from tests.support.fakes import FakeLinks, FakeNodes, FakeRecorder, FakeTimer

LOOKS_WITHIN_S = 5.0


class Looks(FakeNodes):
    """Nodes that count how often they were looked at."""

    looks = 0

    def is_alive(self, node: str) -> bool:
        self.looks += 1
        return super().is_alive(node)


@pytest.fixture
def nodes() -> Looks:
    timer = FakeTimer()
    return Looks(timer, FakeLinks(timer, ["orders->payments"]), ["orders", "payments"])


@pytest.fixture
def recorder() -> FakeRecorder:
    return FakeRecorder()


@pytest.fixture
def watched(
    nodes: Looks, recorder: FakeRecorder, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WatchedNodes]:
    monkeypatch.setattr(watch, "LOOK_EVERY_S", 0.001)
    with WatchedNodes(nodes, lambda node: f"{node} said so", recorder, dead_servers=list) as made:
        yield made


def look_again(nodes: Looks) -> None:
    """Wait until every node was looked at twice more."""
    before = nodes.looks
    assert poll_until(
        lambda: nodes.looks >= before + 4, Deadline.after(LOOKS_WITHIN_S), every_s=0.001
    )


def test_a_death_is_recorded_once(
    watched: WatchedNodes, nodes: Looks, recorder: FakeRecorder
) -> None:
    nodes.alive.discard("payments")
    look_again(nodes)
    assert recorder.processes() == [("payments", "died", "payments said so")]
    assert watched.down() == ("payments",)


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_node_that_a_fault_ended_did_not_die(
    watched: WatchedNodes, nodes: Looks, recorder: FakeRecorder, end: str
) -> None:
    getattr(watched, end)("payments")
    look_again(nodes)
    assert recorder.processes() == []
    watched.start("payments")
    nodes.alive.discard("payments")
    look_again(nodes)
    assert [change for _, change, _ in recorder.processes()] == ["died"], "it is watched again"


def test_a_paused_node_is_watched_and_did_not_die(
    watched: WatchedNodes, nodes: Looks, recorder: FakeRecorder
) -> None:
    assert watched.pause("payments") == 4
    look_again(nodes)
    assert recorder.processes() == []
    nodes.alive.discard("payments")
    look_again(nodes)
    watched.resume("payments")
    assert [change for _, change, _ in recorder.processes()] == ["died"]
    assert nodes.calls == ["pause payments", "resume payments"]
