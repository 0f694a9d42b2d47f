"""From settings to a plan: everything that is decided before anything is started."""

import dataclasses
import datetime
import platform
import secrets
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from dtx.chaos.plan import parse_schedule
from dtx.config.find import find_system
from dtx.config.loader import load_system
from dtx.config.model import System
from dtx.core.errors import ConfigError, UsageError
from dtx.core.run_folder import SCHEMA, Plan
from dtx.core.schedule import Schedule
from dtx.experiment.settings import DEFAULT_DURATION_S, ExperimentSettings
from dtx.targets.provision import RuntimeChoice, choose_runtime
from dtx.targets.workers.sync_watch import require_sync_watch

MAX_RATE = 5000.0
MAX_DURATION_S = 24 * 3600.0
REDACTED = "***"
_SECRET_WORDS = ("password", "secret", "token", "apikey", "api_key", "credential")


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan with the system that it is for and the runtime that was chosen."""

    plan: Plan
    system: System
    runtime: RuntimeChoice


def resolve_system(settings: ExperimentSettings) -> System:
    """Return the system that the settings name, with their overlays.

    Raises:
        UsageError, ConfigError: no such system, or its file is wrong.
    """
    return load_system(find_system(settings.system), settings.selection)


def plan_experiment(settings: ExperimentSettings) -> Planned:
    """Decide everything; nothing is started.

    Raises:
        UsageError, ConfigError: the settings or the system's file are wrong.
        ProvisionError: the runtime that was asked for can't be used.
    """
    system = resolve_system(settings)
    return plan_for(settings, system, choose_runtime(settings.runtime, system.database_kinds))


def plan_for(settings: ExperimentSettings, system: System, runtime: RuntimeChoice) -> Planned:
    """Make the plan of one trial of a system that is loaded already.

    Raises:
        UsageError: rate, duration or faults are wrong.
        ProvisionError: a fault needs what this machine lacks.
    """
    _refuse_odd_numbers(settings)
    now = datetime.datetime.now(datetime.UTC)
    _check_variants(settings, system)
    schedule = parse_schedule(
        settings.faults, system, seed=settings.seed, duration_s=settings.duration_s
    )
    if schedule.losing_power():
        require_sync_watch()
    plan = Plan(
        schema=SCHEMA,
        run_id=secrets.token_hex(6),
        created=now.isoformat(timespec="seconds"),
        command=settings.command(),
        system_name=system.name,
        variant=settings.selection.variant,
        workload=system.workload,
        options=dict(settings.selection.options),
        runtime=runtime.name.value,
        seed=settings.seed,
        rate=settings.rate,
        duration_s=settings.duration_s,
        schedule=schedule,
        versions={
            "dtx": metadata.version("dtx"),
            "python": platform.python_version(),
            "kernel": platform.release(),
        },
        system=redacted(dict(system.tables)),
    )
    return Planned(plan=plan, system=system, runtime=runtime)


def plan_schedule(settings: ExperimentSettings) -> Schedule:
    """Return the schedule alone.

    Raises:
        UsageError, ConfigError: the settings or the system's file are wrong.
    """
    return parse_schedule(
        settings.faults,
        resolve_system(settings),
        seed=settings.seed,
        duration_s=settings.duration_s,
    )


def _check_variants(settings: ExperimentSettings, system: System) -> None:
    """The faults of this workload's variants are parsed with every plan: a typo in them does not wait for a selftest."""
    for variant in system.variants.values():
        if not variant.fits(system.workload):
            continue
        for fault in variant.exposed_by:
            try:
                _check_exposure(settings, system, variant.name, fault)
            except UsageError as error:
                raise ConfigError(
                    f"{system.folder / 'system.toml'}: variants.{variant.name}.exposed_by: {error.message}",
                    hint=error.hint,
                ) from error


def _check_exposure(settings: ExperimentSettings, system: System, variant: str, fault: str) -> None:
    """Parse the fault for the system, and if it does not fit for the variant, which may have links and points of its own."""
    try:
        parse_schedule([fault], system, seed=settings.seed, duration_s=DEFAULT_DURATION_S)
    except UsageError:
        chosen = dataclasses.replace(settings.selection, variant=variant)
        broken = load_system(system.folder, chosen)
        parse_schedule([fault], broken, seed=settings.seed, duration_s=DEFAULT_DURATION_S)


def run_name(plan: Plan) -> str:
    """Return the name of the plan's run folder: `<utc>-<system>-<fault>-<seed>`."""
    moment = datetime.datetime.fromisoformat(plan.created).strftime("%Y%m%dT%H%M%SZ")
    faults = "+".join(window.name for window in plan.schedule.windows) or "none"
    system = f"{plan.system_name}-{plan.variant}" if plan.variant else plan.system_name
    safe = "".join(c if c.isalnum() or c in "+-." else "-" for c in f"{system}-{faults}")
    return f"{moment}-{safe[:80]}-{plan.seed}"


def _refuse_odd_numbers(settings: ExperimentSettings) -> None:
    if not 0 < settings.rate <= MAX_RATE:
        raise UsageError(
            f"--rate {settings.rate:g}: must be over 0 and at most {MAX_RATE:g} a second"
        )
    if not 0 < settings.duration_s <= MAX_DURATION_S:
        raise UsageError(
            f"--duration {settings.duration_s:g}: must be over 0 and at most {MAX_DURATION_S:g} s"
        )


def redacted(value: Any, key: str = "") -> Any:
    """Return the tables with every value hidden whose key sounds like a secret."""
    # References to a password are no secrets; values written into the file may be.
    if isinstance(value, dict):
        return {name: redacted(inner, str(name).lower()) for name, inner in value.items()}
    if isinstance(value, list):
        return [redacted(inner, key) for inner in value]
    is_secret = isinstance(value, str) and any(word in key for word in _SECRET_WORDS)
    return REDACTED if is_secret and not value.startswith("{") else value
