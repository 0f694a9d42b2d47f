"""Windows of link faults: toxics, order, evidence, guaranteed healing."""

from dataclasses import replace

import pytest

from dtx.core.history import FaultPhase
from dtx.core.ports import LinkConnection, Stream
from dtx.core.schedule import Step
from tests.unit.chaos.worlds import World

LINK = "payments->payments-db"


@pytest.fixture
def world() -> World:
    return World()


def test_a_partition_is_a_bandwidth_of_zero_on_both_streams(world: World) -> None:
    seen = {}
    world.timer.at(world.seconds(2), lambda: seen.update(world.links.hurt_links))
    world.run("partition", LINK)
    toxics = seen[LINK]
    assert {t.stream for t in toxics} == {Stream.REQUESTS, Stream.REPLIES}
    assert all(t.type == "bandwidth" and t.attributes == {"rate": 0} for t in toxics)
    assert len({t.name for t in toxics}) == 2


def test_a_lost_reply_is_a_timeout_of_zero_on_the_replies_alone(world: World) -> None:
    seen = {}
    world.timer.at(world.seconds(2), lambda: seen.update(world.links.hurt_links))
    world.run("lose-reply", LINK)
    ((toxic,),) = seen.values()
    assert (toxic.type, toxic.stream, toxic.attributes) == (
        "timeout",
        Stream.REPLIES,
        {"timeout": 0},
    )


def test_a_window_is_on_from_its_begin_to_its_end(world: World) -> None:
    healed = world.run("partition", LINK, at_s=1.5, until_s=2.5)
    (injected,) = world.recorder.faults(FaultPhase.INJECTED)
    assert injected.at_ns == world.seconds(1.5)
    assert healed.at_ns == world.seconds(2.5)
    assert world.links.calls == [f"hurt {LINK}", f"heal {LINK}"]


def test_evidence_of_silence_counts_requests_and_no_reply(world: World) -> None:
    (evidence,) = world.run("partition", LINK).links
    assert evidence.connections == 3
    assert evidence.request_bytes == 20_000  # 10 bytes a ms for 2 s
    assert evidence.reply_bytes == 0
    assert evidence.dropped_reply_bytes == 0


def test_replies_that_were_already_on_their_way_do_not_count(world: World) -> None:
    world.links.ack_delay_ms = 40
    (evidence,) = world.run("partition", LINK).links
    assert evidence.reply_bytes == 0


def test_replies_that_come_through_the_fault_count(world: World) -> None:
    world.links.leaks = True
    (evidence,) = world.run("partition", LINK).links
    assert evidence.reply_bytes > 30_000


def test_evidence_of_a_lost_reply_has_the_bytes_that_were_dropped(world: World) -> None:
    world.links.drop_delay_ms = 300
    (evidence,) = world.run("lose-reply", LINK).links
    assert evidence.dropped_reply_bytes == 40_000
    assert evidence.reply_bytes == 0


def test_the_wait_for_dropped_bytes_is_bounded(world: World) -> None:
    world.links.is_idle = True
    healed = world.run("lose-reply", LINK, until_s=3)
    assert healed.links[0].dropped_reply_bytes == 0
    assert healed.is_healed
    assert healed.at_ns <= world.seconds(4.3)


def test_connections_are_retired_one_after_another_and_in_use_if_none_is_idle(world: World) -> None:
    world.run("slow-close", LINK, until_s=2, arg="500ms")
    retired = world.links.calls.count(f"retire {LINK}")
    assert 3 <= retired <= 4
    other = World()
    other.links.is_never_idle = True
    other.run("slow-close", LINK, until_s=2, arg="500ms")
    assert 1 <= other.links.calls.count(f"retire {LINK}") < retired


def test_a_link_fault_waits_a_moment_for_a_transaction_under_way(world: World) -> None:
    world.in_flight.now = 0
    world.timer.at(world.seconds(1.1), lambda: setattr(world.in_flight, "now", 2))
    world.run("partition", LINK)
    (injected,) = world.recorder.faults(FaultPhase.INJECTED)
    assert injected.in_flight == 2
    assert world.seconds(1.1) <= injected.at_ns <= world.seconds(1.2)


def test_all_links_are_healed_when_one_could_not_be_hurt(world: World) -> None:
    world.links.refuse.add("orders->payments")
    healed = world.run("partition", LINK, "orders->payments")
    (injected,) = world.recorder.faults(FaultPhase.INJECTED)
    assert "orders->payments refuses" in injected.error
    assert healed.is_healed
    assert not world.links.hurt_links
    assert healed.at_ns < world.seconds(2), "a failed injection is healed at once"


def test_the_other_links_are_healed_when_one_stays_hurt(world: World) -> None:
    world.links.refuse_healing.add(LINK)
    healed = world.run("partition", LINK, "orders->payments")
    assert not healed.is_healed
    assert f"{LINK} stays hurt" in healed.error
    assert set(world.links.hurt_links) == {LINK}


def test_a_stop_heals_at_once(world: World) -> None:
    world.timer.stop_ns = world.seconds(1.7)
    healed = world.run("partition", LINK)
    assert healed.is_healed
    assert healed.at_ns == world.seconds(1.7)


def test_a_window_without_a_target_says_so_and_hurts_nothing(world: World) -> None:
    healed = world.run("partition")
    (injected,) = world.recorder.faults(FaultPhase.INJECTED)
    assert "carried traffic" in injected.error
    assert not world.links.calls
    assert healed.at_ns == injected.at_ns


def used_connection(**changes: int | str) -> LinkConnection:
    found = LinkConnection(
        id="c1",
        is_open=True,
        is_left=False,
        request_bytes=10,
        reply_bytes=10,
        reply_segments=1,
        request_ms_ago=20,
        reply_ms_ago=10,
    )
    return replace(found, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fault", "arg", "kind", "streams", "attributes"),
    [
        ("lose-request", None, "timeout", {Stream.REQUESTS}, {"timeout": 0}),
        ("stall", None, "bandwidth", set(Stream), {"rate": 0}),
        ("stall-request", None, "bandwidth", {Stream.REQUESTS}, {"rate": 0}),
        ("stall-reply", None, "bandwidth", {Stream.REPLIES}, {"rate": 0}),
        ("reset", None, "reset_peer", {Stream.REPLIES}, {"timeout": 0}),
        ("cut-at", "40", "limit_data", {Stream.REPLIES}, {"bytes": 40}),
        ("cut-at", "reply:2KB", "limit_data", {Stream.REPLIES}, {"bytes": 2000}),
        ("cut-at", "request:40B", "limit_data", {Stream.REQUESTS}, {"bytes": 40}),
        ("slow", "200ms", "latency", set(Stream), {"latency": 200, "jitter": 0}),
        ("throttle", "10KB", "bandwidth", set(Stream), {"rate": 10}),
        (
            "fragment",
            "16",
            "slicer",
            set(Stream),
            {"average_size": 16, "size_variation": 0, "delay": 1000},
        ),
        ("slow-close", "500ms", "slow_close", set(Stream), {"delay": 500}),
    ],
)
def test_the_toxics_of_each_fault(
    world: World,
    fault: str,
    arg: str | None,
    kind: str,
    streams: set[Stream],
    attributes: dict[str, int],
) -> None:
    seen = {}
    world.timer.at(world.seconds(2), lambda: seen.update(world.links.hurt_links))
    healed = world.run(fault, LINK, arg=arg)
    toxics = seen[LINK]
    assert {t.stream for t in toxics} == streams
    assert all((t.type, t.attributes) == (kind, attributes) for t in toxics)
    assert healed.is_healed
    assert not world.links.hurt_links


@pytest.mark.parametrize(("fault", "arg"), [("refuse", None), ("partition", "hard")])
def test_a_link_that_is_shut_counts_the_connections_in_use_that_it_closed(
    world: World, fault: str, arg: str | None
) -> None:
    world.links.seen[LINK] = (used_connection(), used_connection(id="c2", request_ms_ago=5000))
    world.links.seen["orders->payments"] = (used_connection(id="c3"),)
    (evidence,) = world.run(fault, LINK, arg=arg).links
    assert (evidence.cut, evidence.left) == (2, 0)
    assert world.links.calls == [f"shut {LINK}", f"heal {LINK}"]
    assert not world.links.shut_links


def test_a_reset_recycles_connections_once_the_toxic_is_there(world: World) -> None:
    world.run("reset", LINK)
    assert world.links.calls == [f"hurt {LINK}", f"recycle {LINK}", f"heal {LINK}"]


def test_jitter_changes_its_delay_when_the_schedule_says(world: World) -> None:
    steps = tuple(Step(at_s=n / 2, value=10 * n) for n in range(4))
    seen: list[int] = []
    for at_s in (1.2, 1.7, 2.2, 2.7):
        world.timer.at(
            world.seconds(at_s),
            lambda: seen.append(world.links.hurt_links[LINK][0].attributes["latency"]),
        )
    world.run("jitter", LINK, arg="50ms", steps=steps)
    assert seen == [0, 10, 20, 30]
    assert world.links.calls.count(f"change {LINK}") == 3


def test_flap_is_on_and_off_when_the_schedule_says_and_sums_its_evidence(world: World) -> None:
    steps = tuple(Step(at_s=n / 2, value=(n + 1) % 2) for n in range(4))
    is_on: list[bool] = []
    for at_s in (1.2, 1.7, 2.2, 2.7):
        world.timer.at(world.seconds(at_s), lambda: is_on.append(LINK in world.links.hurt_links))
    healed = world.run("flap", LINK, arg="partition", steps=steps)
    assert is_on == [True, False, True, False]
    (evidence,) = healed.links
    assert 9_500 <= evidence.request_bytes <= 10_500  # 10 bytes a ms for 2 x 0.5 s
    assert evidence.reply_bytes == 0
    assert healed.is_healed


def test_flap_tells_of_connections_that_stay_open_though_it_is_on(world: World) -> None:
    steps = tuple(Step(at_s=n / 2, value=(n + 1) % 2) for n in range(4))
    world.timer.at(world.seconds(2.2), lambda: world.links.connections_now.update({LINK: 4}))
    (evidence,) = world.run("flap", LINK, arg="refuse", steps=steps).links
    assert evidence.left == 4


def test_flap_is_healed_when_it_ends_while_on(world: World) -> None:
    steps = (Step(at_s=0, value=1), Step(at_s=1.9, value=0))
    healed = world.run("flap", LINK, arg="refuse", steps=steps, until_s=2.0)
    assert healed.is_healed
    assert not world.links.shut_links


def test_connections_that_had_asked_just_before_are_counted_as_waiting(world: World) -> None:
    asked = LinkConnection(
        id="a", is_open=True, is_left=False, request_bytes=9, reply_bytes=9,
        reply_segments=1, request_ms_ago=60, reply_ms_ago=500,
    )  # fmt: skip
    answered = replace(asked, id="b", reply_ms_ago=55)
    world.links.seen[LINK] = (asked, answered)
    (evidence,) = world.run("partition", LINK).links
    assert evidence.waiting == 1
