"""Random schedules: always the same for a seed, sound for every length of run, and over what the system can suffer."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtx.chaos.faults import FAULTS
from dtx.chaos.overlap import is_decided
from dtx.chaos.plan import parse_schedule
from dtx.core.errors import UsageError
from dtx.core.schedule import Layer, Schedule
from tests.support.systems import FIVE_LINKS, order_system

SYSTEM = order_system(durable={"payments": ("journal.log",)})
NO_INNER_LINKS = order_system(links=["client->orders"], coordinator=None)
seeds = st.integers(0, 2**32)
durations = st.floats(1.0, 120.0)


def random_schedule(seed: int, duration_s: float) -> Schedule:
    return parse_schedule(["random"], SYSTEM, seed=seed, duration_s=duration_s)


@given(seeds, durations)
def test_the_same_seed_gives_the_same_random_schedule(seed: int, duration_s: float) -> None:
    assert random_schedule(seed, duration_s) == random_schedule(seed, duration_s)


@given(seeds, durations)
def test_windows_have_room_between_them_and_before_the_end(seed: int, duration_s: float) -> None:
    windows = random_schedule(seed, duration_s).windows
    assert windows
    edges = [0.0, *(edge for w in windows for edge in (w.at_s, w.until_s)), duration_s]
    assert edges == sorted(edges)
    for earlier, later in itertools.pairwise(windows):
        assert later.at_s - earlier.until_s >= 0.15 * (later.at_s - earlier.at_s)
    assert windows[-1].until_s <= duration_s * 0.95


@given(seeds, durations)
def test_no_fault_comes_twice_and_every_target_is_of_the_system(
    seed: int, duration_s: float
) -> None:
    windows = random_schedule(seed, duration_s).windows
    assert len({w.fault for w in windows}) == len(windows)
    for window in windows:
        known = FIVE_LINKS if window.layer is Layer.LINK else SYSTEM.nodes
        assert set(window.targets) <= set(known)
        assert window.needs_traffic or is_decided(window)


def test_a_run_of_some_seconds_has_several_faults() -> None:
    counts = [len(random_schedule(seed, 10).windows) for seed in range(100)]
    assert min(counts) >= 2
    assert max(counts) >= 4


def test_over_many_seeds_every_fault_of_the_system_comes() -> None:
    drawn = {w.fault for seed in range(400) for w in random_schedule(seed, 60).windows}
    assert drawn == set(FAULTS)


def test_a_system_is_spared_what_it_cannot_suffer() -> None:
    drawn = set()
    for seed in range(200):
        schedule = parse_schedule(["random"], NO_INNER_LINKS, seed=seed, duration_s=60)
        drawn |= {w.fault for w in schedule.windows}
    assert not {name for name in drawn if FAULTS[name].layer is Layer.LINK}
    assert "zombie" not in drawn
    assert {"kill", "crash-at", "lock"} <= drawn


@pytest.mark.parametrize("duration_s", [3.0, 6.0])
def test_a_zombie_needs_a_run_that_is_long_enough(duration_s: float) -> None:
    drawn = {w.fault for seed in range(200) for w in random_schedule(seed, duration_s).windows}
    assert "zombie" not in drawn


def test_beside_a_random_schedule_a_fault_may_be_refused_in_words() -> None:
    with pytest.raises(UsageError, match="already hurt"):
        for seed in range(200):
            parse_schedule(["kill@orders", "random"], SYSTEM, seed=seed, duration_s=10)
