"""One trial: from a plan and a clean environment to a verdict, as an iterator of events. Prints nothing."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from dtx.chaos.aim import aimed
from dtx.chaos.fault import Ports
from dtx.chaos.nemesis import Nemesis
from dtx.core.deadline import Deadline
from dtx.core.events import (
    PhaseStarted,
    StepStarted,
    Ticked,
    TrialEvent,
    TrialFinished,
    TrialPlanned,
)
from dtx.core.history import (
    Clock,
    Outcome,
    PhaseName,
    ProcessChange,
    ProcessEvent,
    QuietEvent,
)
from dtx.core.observation import OutcomeRow
from dtx.core.run_folder import RunFolder
from dtx.experiment.branches import BranchWatch
from dtx.experiment.judging import judge_run
from dtx.experiment.planning import Planned
from dtx.experiment.processor_watch import ProcessorWatch
from dtx.experiment.quiet import PATIENCE, UNCLAIMED_WITHIN_S, QuietWatch
from dtx.experiment.record import Record
from dtx.experiment.wait_watch import WaitWatch
from dtx.experiment.watch import WatchedNodes
from dtx.targets.environment import Environment
from dtx.workload.driver import Driver
from dtx.workload.generators import Transaction
from dtx.workload.outcomes import ask_outcomes
from dtx.workload.readers import ReadingClient

WARM_UP_TRANSACTIONS = 10
WARM_UP_WITHIN_S = 10.0
ASK_WITHIN_S = 5.0
TICK_S = 0.1
HEAL_WITHIN_S = 60.0
LATEST = "latest"


class Trial:
    """One trial in its run folder."""

    def __init__(self, planned: Planned, folder: RunFolder) -> None:
        self._planned = planned
        self._plan = planned.plan
        self._folder = folder
        self._began = time.monotonic()
        folder.write_plan(planned.plan)
        _point_latest_at(folder.path)

    def planned_event(self) -> TrialPlanned:
        """Return the event that says what will be done."""
        return TrialPlanned(
            plan=self._plan,
            folder=self._folder.path,
            runtime_reason=self._planned.runtime.reason,
        )

    def run(self, environment: Environment) -> Iterator[TrialEvent]:
        """Run the phases in the clean environment, then judge.

        Raises:
            DtxError: a worker did not become ready, the environment broke, or the history can't be written.
        """
        self._plan = msgspec.structs.replace(
            self._plan, versions=self._plan.versions | environment.runtime.versions()
        )
        self._folder.write_plan(self._plan)
        with contextlib.closing(self._folder.history()) as writer:
            record = Record(writer)
            record.append(Clock(at_ns=time.monotonic_ns(), wall_ns=time.time_ns()))
            names = ", ".join(environment.system.workers)
            yield StepStarted(what=f"starting workers: {names}")
            environment.start_workers(self._folder.logs, watched=self._plan.schedule.losing_power())
            for node in environment.nodes.names():
                record.append(
                    ProcessEvent(at_ns=time.monotonic_ns(), node=node, change=ProcessChange.READY)
                )
            yield from self._phases(environment, record)
        yield StepStarted(what="judging")
        verdict = judge_run(self._folder.path)
        yield TrialFinished(
            plan=self._plan,
            folder=self._folder.path,
            verdict=verdict,
            took_s=time.monotonic() - self._began,
        )

    def _phases(self, environment: Environment, record: Record) -> Iterator[TrialEvent]:
        driver = Driver(
            environment.system.client,
            environment.client_url,
            record,
            seed=self._plan.seed,
            readers=[
                ReadingClient(
                    reader, environment.resolver(reader.name), record, seed=self._plan.seed
                )
                for reader in environment.system.readers.values()
            ],
        )
        with (
            driver,
            WatchedNodes(
                environment.nodes,
                environment.nodes.last_words,
                record,
                dead_servers=environment.dead_servers,
            ) as nodes,
            BranchWatch(environment.branches, record),
            WaitWatch(environment.waits, record) as waits,
            ProcessorWatch(environment.processors, record) as processors,
        ):
            ports = Ports(
                links=environment.links,
                nodes=nodes,
                crash_points=environment.crash_points,
                sessions=environment.sessions,
                row_locks=environment.row_locks,
                durability=environment.durability,
                recorder=record,
                in_flight=driver.in_flight,
            )
            yield from self._warm_up(environment, record, driver)
            schedule = aimed(self._plan.schedule, self._traffic_before, environment.links.totals())
            self._plan = msgspec.structs.replace(self._plan, schedule=schedule)
            self._folder.write_plan(self._plan)
            with Nemesis(schedule, ports) as nemesis:
                yield from self._main(record, driver, nemesis)
            yield from self._recover(environment, record, driver, waits, processors)

    def _warm_up(
        self, environment: Environment, record: Record, driver: Driver
    ) -> Iterator[TrialEvent]:
        record.phase(PhaseName.WARM_UP)
        yield PhaseStarted(phase=PhaseName.WARM_UP)
        self._traffic_before = environment.links.totals()
        driver.warm_up(WARM_UP_TRANSACTIONS, Deadline.after(WARM_UP_WITHIN_S))

    def _main(self, record: Record, driver: Driver, nemesis: Nemesis) -> Iterator[TrialEvent]:
        began_ns = record.phase(PhaseName.MAIN)
        yield PhaseStarted(phase=PhaseName.MAIN, within_s=self._plan.duration_s)
        driver.start(rate=self._plan.rate, duration_s=self._plan.duration_s, start_ns=began_ns)
        driver.start_reading(began_ns)
        nemesis.start(began_ns)
        over = Deadline(began_ns + int(self._plan.duration_s * 1e9))
        while not over.is_over:
            time.sleep(min(TICK_S, over.left_s))
            yield self._tick(PhaseName.MAIN, began_ns, record, driver)
        drain_ns = record.phase(PhaseName.DRAIN)
        yield PhaseStarted(phase=PhaseName.DRAIN)
        healed = Deadline.after(HEAL_WITHIN_S)
        while not nemesis.wait(Deadline.after(TICK_S)) and not healed.is_over:
            yield self._tick(PhaseName.DRAIN, drain_ns, record, driver)

    def _recover(
        self,
        environment: Environment,
        record: Record,
        driver: Driver,
        waits: WaitWatch,
        processors: ProcessorWatch,
    ) -> Iterator[TrialEvent]:
        contract_s = environment.system.contract.converges_within_s
        began_ns = record.phase(PhaseName.RECOVERY)
        within_s = (contract_s or UNCLAIMED_WITHIN_S) * PATIENCE
        yield PhaseStarted(phase=PhaseName.RECOVERY, within_s=within_s)
        watch = QuietWatch(
            open_counts=environment.observer.open_counts,
            effect_count=environment.observer.effect_count,
            in_flight=driver.in_flight.count,
            ask=_questions(environment),
            unknown=record.unknown,
            is_starved=lambda: processors.is_starved(began_ns),
        )
        for seen in watch.wait(contract_s):
            if isinstance(seen, QuietEvent):
                record.append(seen)
            else:
                yield self._tick(PhaseName.RECOVERY, began_ns, record, driver, waiting_for=seen)
        driver.stop_reading()
        waits.stop()
        processors.stop()
        driver.finish(Deadline.after(0))
        watch.ask_the_rest()
        record.phase(PhaseName.OBSERVE)
        yield PhaseStarted(phase=PhaseName.OBSERVE)
        observations = environment.observer.observe()
        self._folder.write_observations(
            msgspec.structs.replace(observations, outcomes=tuple(watch.outcomes.values()))
        )
        record.append(Clock(at_ns=time.monotonic_ns(), wall_ns=time.time_ns()))
        record.phase(PhaseName.END)

    @staticmethod
    def _tick(
        phase: PhaseName,
        began_ns: int,
        record: Record,
        driver: Driver,
        waiting_for: tuple[str, ...] = (),
    ) -> Ticked:
        record.require_sound()  # a run that nobody will be able to judge need not go on
        return Ticked(
            phase=phase,
            at_s=(time.monotonic_ns() - began_ns) / 1e9,
            submitted=record.submitted,
            ok=record.ended(Outcome.OK),
            fail=record.ended(Outcome.FAIL),
            info=record.ended(Outcome.INFO),
            in_flight=driver.in_flight.count(),
            latency=record.latency(),
            hurt=record.hurt(),
            waiting_for=waiting_for,
        )


def _questions(
    environment: Environment,
) -> Callable[[Sequence[Transaction]], Sequence[OutcomeRow]] | None:
    client = environment.system.client
    if client.outcome is None:
        return None
    return lambda transactions: ask_outcomes(
        client, environment.url, transactions, deadline=Deadline.after(ASK_WITHIN_S)
    )


def _point_latest_at(folder: Path) -> None:
    link = folder.parent / LATEST
    partial = folder.parent / f".{LATEST}-{os.getpid()}"
    with contextlib.suppress(OSError):
        partial.unlink(missing_ok=True)
        partial.symlink_to(folder.name)
        partial.replace(link)
