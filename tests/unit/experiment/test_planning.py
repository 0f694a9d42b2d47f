"""A plan is complete, repeatable and without secrets before anything is started."""

import shutil
from pathlib import Path

import msgspec
import pytest

from dtx.config.find import find_system
from dtx.config.model import Selection, System
from dtx.core.errors import ConfigError, UsageError
from dtx.core.run_folder import Plan
from dtx.experiment.judging import planned_system
from dtx.experiment.planning import plan_for, redacted, resolve_system, run_name
from dtx.experiment.settings import ExperimentSettings
from dtx.targets.provision import RuntimeChoice, RuntimeName

LOCAL = RuntimeChoice(name=RuntimeName.LOCAL, reason="test")


def plan(
    *,
    faults: tuple[str, ...] = ("partition",),
    seed: int = 7,
    rate: float = 50.0,
    duration_s: float = 10.0,
    variant: str | None = None,
) -> Plan:
    settings = ExperimentSettings(
        system="saga",
        selection=Selection(variant=variant),
        faults=faults,
        seed=seed,
        rate=rate,
        duration_s=duration_s,
        out=Path("nowhere"),
    )
    return plan_for(settings, resolve_system(settings), LOCAL).plan


def test_same_seed_gives_the_same_schedule() -> None:
    assert plan(seed=3).schedule == plan(seed=3).schedule
    assert any(plan(seed=3).schedule != plan(seed=other).schedule for other in range(4, 9))


def test_system_of_a_plan_can_be_read_again_without_its_files() -> None:
    once = plan(variant="not-idempotent")
    again = planned_system(msgspec.json.decode(msgspec.json.encode(once), type=Plan))
    assert again.contract == resolve_system_of("not-idempotent").contract
    assert again.links == resolve_system_of("not-idempotent").links


def resolve_system_of(variant: str) -> System:
    return resolve_system(
        ExperimentSettings(system="saga", selection=Selection(variant=variant), seed=1)
    )


def test_command_of_a_plan_repeats_it() -> None:
    words = plan(faults=("lose-reply", "kill"), rate=20, variant="not-idempotent").command
    assert words[:3] == ("dtx", "run", "saga")
    assert words.count("--fault") == 2
    assert words[words.index("--seed") : words.index("--seed") + 2] == ("--seed", "7")
    assert "--rate" in words
    assert "--duration" not in words
    assert "not-idempotent" in words


def test_run_name_says_system_variant_fault_and_seed() -> None:
    name = run_name(plan(faults=("crash-at:after-log-debited",), variant="not-idempotent"))
    assert name.endswith("-saga-not-idempotent-crash-at-after-log-debited-7")


@pytest.mark.parametrize("rate", [0, -1, 1e9, float("nan")])
def test_rate_out_of_range_is_a_usage_error(rate: float) -> None:
    with pytest.raises(UsageError, match="--rate"):
        plan(rate=rate)


@pytest.mark.parametrize("duration_s", [0, -1, 1e9, float("nan")])
def test_duration_out_of_range_is_a_usage_error(duration_s: float) -> None:
    with pytest.raises(UsageError, match="--duration"):
        plan(duration_s=duration_s)


def test_secrets_written_into_the_file_are_redacted_and_references_are_not() -> None:
    tables = {"env": {"API_TOKEN": "s3cret", "DB_PASSWORD": "{databases.a.password}", "NAME": "x"}}
    assert redacted(tables) == {
        "env": {"API_TOKEN": "***", "DB_PASSWORD": "{databases.a.password}", "NAME": "x"}
    }


def test_fault_of_a_variant_may_name_what_only_the_variant_has() -> None:
    assert plan(variant=None).system_name == "saga"
    [fault] = resolve_system_of("stale-reply").variants["stale-reply"].exposed_by
    [window] = plan(faults=(fault,), variant="stale-reply").schedule.windows
    assert window.targets == ("payments->orders",)
    with pytest.raises(UsageError, match="no link"):
        plan(faults=(fault,))


def test_fault_of_a_variant_that_names_nothing_is_an_error_of_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "till"
    shutil.copytree(find_system("saga"), folder)
    file = folder / "system.toml"
    file.write_text(file.read_text().replace("@payments->orders", "@payments->nobody"))
    settings = ExperimentSettings(system=str(folder), seed=1)
    with pytest.raises(ConfigError, match=r"variants\.stale-reply\.exposed_by: .*nobody"):
        plan_for(settings, resolve_system(settings), LOCAL)
