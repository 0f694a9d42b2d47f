"""Schedules from files: what they mean, what is wrong with them, and saved ones that mean the same again."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dtx.chaos.overlap import is_decided
from dtx.chaos.plan import parse_schedule
from dtx.chaos.schedule_file import schedule_toml
from dtx.core.errors import DtxError
from dtx.core.schedule import Schedule
from tests.support.systems import order_system

SYSTEM = order_system()


def planned(path: Path, *, seed: int = 1, duration_s: float = 10) -> Schedule:
    return parse_schedule([f"file:{path}"], SYSTEM, seed=seed, duration_s=duration_s)


def test_the_keys_are_those_of_the_grammar(tmp_path: Path) -> None:
    path = tmp_path / "schedule.toml"
    path.write_text(
        """
        [[faults]]
        fault = "partition:hard"
        scope = "orders->payments"
        at = "500ms"
        for = 2

        [[faults]]
        fault = "kill"
        scope = "payments"
        at = 3
        for = "1s"
        every = 3
        p = 1.0
        """
    )
    text = "partition:hard@orders->payments,at=500ms,for=2+kill@payments,at=3,for=1s,every=3,p=1"
    on_the_command_line = parse_schedule([text], SYSTEM, seed=1, duration_s=10)
    assert planned(path).windows == on_the_command_line.windows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'the key "faults" is missing'),
        ("faults = []", "faults: must not be empty"),
        ("fault = 1\nfaults = [{fault='kill'}]", "unknown key"),
        ("[[faults]]", 'faults[0]: the key "fault" is missing'),
        ("[[faults]]\nfault = 'kil'", "faults[0].fault: no fault named 'kil'"),
        ("[[faults]]\nfault = 'kill@orders'", "faults[0].fault: has an @"),
        ("[[faults]]\nfault = 'kill'\nfro = 2", "faults[0].fro: unknown key"),
        ("[[faults]]\nfault = 'kill'\nat = 'soon'", "faults[0].at: 'soon' is no time"),
        ("[[faults]]\nfault = 'kill'\nat = -1", "faults[0].at: must not be negative"),
        ("[[faults]]\nfault = 'kill'\nat = true", "faults[0].at: must be a number"),
        ("[[faults]]\nfault = 'kill'\np = 2", "faults[0].p: is no probability"),
        ("[[faults]]\nfault = 'kill'\nat = 12", "faults[0]: at=12s lies outside a run"),
        ("[[faults]]\nfault = 'kill'\nscope = 'paymnts'", "faults[0]: no node or group"),
        ("[[faults]]\nfault = 'kill'\nnth = 2", "faults[0].nth: needs targets"),
        (
            "[[faults]]\nfault = 'kill'\ntargets = ['orders']\nscope = 'orders'",
            "faults[0].scope: contradicts targets",
        ),
        ("[[faults]]\nfault = 'kill'\ntargets = ['workers']", "targets: workers is no single node"),
        ("[[faults]]\nfault = 'kill'\ntargets = ['orders']\ntake = 1", "take: kill hurts nodes"),
        (
            "[[faults]]\nfault = 'kill'\ntargets = ['orders']\nnth = 2",
            "nth: kill can't have pass 2",
        ),
        (
            "[[faults]]\nfault = 'kill'\ntargets = ['orders']\nsteps = [[0, 1]]",
            "steps: kill has no steps",
        ),
        (
            "[[faults]]\nfault = 'jitter'\ntargets = ['orders->payments']",
            "steps: jitter needs its steps",
        ),
        (
            "[[faults]]\nfault = 'jitter'\ntargets = ['orders->payments']\nsteps = [[0, 1], [0, 2]]",
            "faults[0].steps[1][0]: must be later",
        ),
        (
            "[[faults]]\nfault = 'jitter'\ntargets = ['orders->payments']\nsteps = [[0, 1], [7, 2]]",
            "must begin at 0 and lie within the window",
        ),
        (
            "[[faults]]\nfault = 'kill'\nscope = 'orders'\n[[faults]]\nfault = 'pause'\nscope = 'orders'",
            "faults[1]: orders is already hurt by kill",
        ),
        ("[[faults]", "not valid TOML"),
    ],
)
def test_an_error_names_the_file_and_the_key(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "schedule.toml"
    path.write_text(text)
    with pytest.raises(DtxError) as caught:
        planned(path)
    assert caught.value.message.startswith(str(path))
    assert message in caught.value.message
    assert caught.value.exit_code == 2


def test_a_file_that_is_not_there_is_refused_with_the_way_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(DtxError, match="can't be read") as caught:
        planned(tmp_path / "absent.toml")
    assert "--save-schedule" in caught.value.hint


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(
        [
            "random",
            "kill,for=500ms,every=2s,p=0.5",
            "crash-at:before-answer",
            "partition+lock:busiest",
            "jitter@orders->*+flap:slow:50ms,at=1,for=3",
            "cut-at:request:9@*,at=0.3,for=0.1",
        ]
    ),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
)
def test_a_saved_schedule_means_the_same_whatever_the_seed(
    tmp_path: Path, text: str, seed: int, other_seed: int
) -> None:
    drawn = parse_schedule([text], SYSTEM, seed=seed, duration_s=20)
    if not drawn.windows:
        return
    path = tmp_path / "schedule.toml"
    path.write_text(schedule_toml(drawn, made_by=text))
    again = planned(path, seed=other_seed, duration_s=20)
    # One of one target is that target.
    assert again.windows == tuple(
        msgspec.structs.replace(w, take=0) if is_decided(w) else w for w in drawn.windows
    )
