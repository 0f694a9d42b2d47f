"""Schedules over all texts that the grammar allows: the same seed, the same schedule; times and targets are sound."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from dtx.chaos.aim import aimed
from dtx.chaos.describe import describe_schedule
from dtx.chaos.overlap import is_decided, overlapping
from dtx.chaos.plan import parse_schedule
from dtx.core.errors import ConfigError, DtxError, UsageError
from dtx.core.ports import LinkTraffic
from dtx.core.schedule import Layer, Schedule
from tests.support.systems import CRASH_POINTS, FIVE_LINKS, order_system

SYSTEM = order_system()
DURATION_S = 10
POINTS = sorted({p for points in CRASH_POINTS.values() for p in points})
SCOPES = ("", "@*", "@orders", "@payments-db", "@workers", "@databases", "@coordinator")
LINK_SCOPES = (*SCOPES, "@orders->*", "@*->payments-db", "@client", "@payments->payments-db")
LINK_FAULTS = (
    "partition",
    "partition:hard",
    "lose-reply",
    "reset",
    "cut-at:request:9",
    "slow",
    "jitter:20ms",
    "flap:slow:50ms",
)

times = st.one_of(
    st.just(""),
    st.tuples(st.integers(0, 8000), st.integers(1, 2000)).map(
        lambda t: f",at={t[0]}ms,for={t[1]}ms"
    ),
    st.integers(0, 9).map(lambda s: f",at={s}s"),
    st.integers(1, 10).map(lambda s: f",for={s}"),
    st.integers(1, 9).map(lambda n: f",p=0.{n}"),
    st.tuples(st.integers(0, 4), st.integers(600, 5000)).map(
        lambda t: f",at={t[0]},for=500ms,every={t[1]}ms"
    ),
    st.just(",for=500ms,every=2s,p=0.5"),
)
faults = st.one_of(
    st.tuples(st.sampled_from(LINK_FAULTS), st.sampled_from(LINK_SCOPES)),
    st.tuples(st.sampled_from(("kill", "restart", "pause")), st.sampled_from(SCOPES)),
    st.tuples(
        st.sampled_from(("terminate-backends", "lock:busiest")),
        st.sampled_from(("", "@*", "@payments-db", "@databases")),
    ),
    st.tuples(st.just("zombie"), st.sampled_from(("", "@*", "@orders", "@workers"))),
    st.tuples(st.sampled_from([f"crash-at:{p}" for p in POINTS]), st.just("")),
)
texts = st.lists(st.tuples(faults, times).map(lambda t: "".join(t[0]) + t[1]), max_size=4)
seeds = st.integers(0, 2**32)


def schedule_of(parts: Sequence[str], seed: int) -> Schedule | None:
    """Return the schedule; None for texts that contradict each other."""
    try:
        return parse_schedule(parts, SYSTEM, seed=seed, duration_s=DURATION_S)
    except UsageError as error:
        has_zombie = any("zombie" in part for part in parts)
        is_too_long = has_zombie and ("would end" in error.message or "not fit" in error.message)
        if "already hurt" not in error.message and not is_too_long:
            raise
        return None


@given(texts, seeds)
def test_the_same_seed_gives_the_same_schedule(parts: list[str], seed: int) -> None:
    first = schedule_of(parts, seed)
    assert first == schedule_of(parts, seed)
    if first and parts:
        joined = parse_schedule(["+".join(parts)], SYSTEM, seed=seed, duration_s=DURATION_S)
        assert joined.windows == first.windows


@given(texts, seeds)
def test_every_window_lies_in_the_run_and_has_targets_of_its_layer(
    parts: list[str], seed: int
) -> None:
    schedule = schedule_of(parts, seed)
    if schedule is None:
        return
    assert len(schedule.windows) + len(schedule.omitted) >= len(parts)
    assert [w.index for w in schedule.windows] == list(range(len(schedule.windows)))
    assert [w.at_s for w in schedule.windows] == sorted(w.at_s for w in schedule.windows)
    links = {link.name for link in SYSTEM.links}
    for window in schedule.windows:
        assert 0 <= window.at_s < window.until_s <= DURATION_S
        known = links if window.layer is Layer.LINK else set(SYSTEM.nodes)
        assert window.targets
        assert set(window.targets) <= known
        assert len(set(window.targets)) == len(window.targets)
    assert describe_schedule(schedule)


@given(texts, seeds, st.sets(st.sampled_from(FIVE_LINKS)))
def test_once_aimed_no_target_is_hurt_twice_at_a_time(
    parts: list[str], seed: int, busy: set[str]
) -> None:
    schedule = schedule_of(parts, seed)
    if schedule is None:
        return
    idle = LinkTraffic(connections=0, request_bytes=0, reply_bytes=0)
    before = dict.fromkeys(FIVE_LINKS, idle)
    after = before | dict.fromkeys(busy, LinkTraffic(connections=1, request_bytes=9, reply_bytes=9))
    decided = aimed(schedule, before, after)
    for window, drawn in zip(decided.windows, schedule.windows, strict=True):
        assert is_decided(window)
        if drawn.needs_traffic:
            assert set(window.targets) <= busy
        for other in overlapping(window, decided.windows):
            assert not set(window.targets) & set(other.targets)


@given(st.text(max_size=40))
def test_any_text_is_understood_or_refused_in_words(text: str) -> None:
    refusal: DtxError | None = None
    try:
        parse_schedule([text], SYSTEM, seed=1, duration_s=DURATION_S)
    except (UsageError, ConfigError) as error:
        refusal = error
    if refusal is not None:
        assert refusal.message.startswith("--fault") or "file:" in text
        assert refusal.hint
