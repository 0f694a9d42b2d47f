"""A session: an environment that is held over several trials, reset and proved clean between them."""

import contextlib
from collections.abc import Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from dtx.config.model import System
from dtx.core.errors import InternalError
from dtx.core.events import StepStarted, TrialEvent
from dtx.core.run_folder import RunFolder
from dtx.experiment.planning import Planned, plan_for, resolve_system, run_name
from dtx.experiment.settings import ExperimentSettings
from dtx.experiment.trial import Trial
from dtx.targets.environment import Environment
from dtx.targets.provision import RuntimeChoice, choose_runtime, preparations, provisioned


def run_experiment(settings: ExperimentSettings) -> Generator[TrialEvent, None, None]:
    """Run one experiment in an environment of its own, from settings to verdict.

    Raises:
        DtxError: the settings are wrong, or something did not come up. Nothing is left running.
    """
    planned = yield from planned_in_steps(settings)
    with Session(planned.system, planned.runtime, is_for_one=True) as session:
        yield from session.run_planned(planned, settings)


def planned_in_steps(settings: ExperimentSettings) -> Generator[StepStarted, None, Planned]:
    """Plan one experiment, and tell what takes a while on the way, such as pulling an image.

    Raises:
        DtxError: the settings are wrong, or the runtime that was asked for can't be used.
    """
    system = resolve_system(settings)
    for work in preparations(settings.runtime, system.database_kinds):
        yield StepStarted(what=work)
    return plan_for(settings, system, choose_runtime(settings.runtime, system.database_kinds))


class Session:
    """Holds one environment for trials of the same system with the same overlays."""

    def __init__(self, system: System, runtime: RuntimeChoice, *, is_for_one: bool = False) -> None:
        """Args: what to bring up, where, and whether for one trial only, which needs nothing to reset to."""
        self._system = system
        self._runtime = runtime
        self._is_for_one = is_for_one
        self._stack = contextlib.ExitStack()
        self._environment: Environment | None = None
        self._is_used = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def trial(self, settings: ExperimentSettings) -> Iterator[TrialEvent]:
        """Run one trial from plan to verdict; closing the iterator early heals and ends its workers.

        Raises:
            DtxError: the settings are wrong, or something did not come up. What was recorded stays.
        """
        yield from self.run_planned(plan_for(settings, self._system, self._runtime), settings)

    def run_planned(self, planned: Planned, settings: ExperimentSettings) -> Iterator[TrialEvent]:
        """Run a trial that is planned already; see `trial`."""
        folder = RunFolder.create(settings.out / run_name(planned.plan))
        trial = Trial(planned, folder)
        yield trial.planned_event()
        if self._environment is None:
            yield from self._start()
        elif self._is_used:
            yield StepStarted(what="resetting the environment")
            self.environment.reset()
        self._is_used = True
        yield from trial.run(self.environment)

    def bring_up(self, logs: Path) -> Iterator[StepStarted]:
        """Start everything, the workers too, without a trial; their logs go below the folder.

        Raises:
            DtxError: something did not come up.
        """
        yield from self._start()
        yield StepStarted(what=f"starting workers: {', '.join(self._system.workers)}")
        self.environment.start_workers(logs)

    @property
    def environment(self) -> Environment:
        """The environment that is held."""
        if self._environment is None:
            raise InternalError("nothing has been brought up yet")
        return self._environment

    def _start(self) -> Iterator[StepStarted]:
        yield StepStarted(
            what=f"starting {len(self._system.databases)} databases and Toxiproxy"
            f" ({self._runtime.name.value})"
        )
        environment = self._stack.enter_context(provisioned(self._system, self._runtime.name))
        for work in environment.runtime.first_time_work():
            yield StepStarted(what=work)
        environment.start(is_reset_later=not self._is_for_one)
        self._environment = environment
