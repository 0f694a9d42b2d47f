"""Holding an environment open: what the holder process does, and the other end, which waits for it to be up.

The holder is a process of its own, so that the environment outlives the command that asked for it. It tells
everything through a pipe, and holds on only after the command has taken what it told: whichever of the two is
killed before that, the other one (or the holder's reaper) ends everything.
"""

import os
import signal
import subprocess
import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from dtx.config.model import Reference
from dtx.core.errors import DtxError, InternalError, RecordError
from dtx.core.events import EnvironmentHeld, HoldEvent, TrialFinished, TrialPlanned
from dtx.core.held import HeldEnvironment, HeldLink, SampleRequest
from dtx.experiment.planning import Planned
from dtx.experiment.session import Session, planned_in_steps
from dtx.experiment.settings import ExperimentSettings
from dtx.targets import process_tree
from dtx.targets.environment import Environment
from dtx.targets.held import announce, now_utc
from dtx.workload.generators import transaction
from dtx.workload.rendering import RequestRenderer

END_WITHIN_S = 60.0
_TAKEN = "taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldOrder:
    """What is to be held: after an experiment, or, with a folder for the workers' logs, just brought up."""

    settings: ExperimentSettings
    folder: Path | None = None


def hold(order: HoldOrder, program: Sequence[str]) -> Generator[HoldEvent, None, None]:
    """Start the holder and yield what it tells; the last event has the addresses, and from then on it holds.

    Closing the generator earlier ends the holder and waits until nothing of it is left.

    Args:
        order: what to hold.
        program: the holder's command line; the number of its end of the pipe is put behind it.

    Raises:
        DtxError: what went wrong in the holder.
    """
    ours, theirs = Pipe()
    process = subprocess.Popen(
        [*program, str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    theirs.close()
    is_taken = False
    try:
        ours.send(order)
        while not is_taken:
            message = ours.recv()
            if isinstance(message, DtxError):
                raise message
            if isinstance(message, EnvironmentHeld):
                ours.send(_TAKEN)
                is_taken = True
            yield message
    except (EOFError, ConnectionError) as error:
        raise InternalError("the process that holds the environment ended") from error
    finally:
        ours.close()
        if not is_taken:
            _end(process)


def _plan(settings: ExperimentSettings, pipe: "Connection[Any, Any]") -> Planned:
    steps = planned_in_steps(settings)
    while True:
        try:
            pipe.send(next(steps))
        except StopIteration as end:
            planned: Planned = end.value
            return planned


def tell_and_hold(pipe: "Connection[Any, Any]") -> None:
    """Be the holder: do what the order on the pipe says, then wait for a signal. Cleans up on every way out.

    Raises:
        KeyboardInterrupt: a signal ended it.
        EOFError, ConnectionError: the command went away before it had taken the addresses.
        DtxError: the settings are wrong, or something did not come up.
    """
    order: HoldOrder = pipe.recv()
    is_told = threading.Event()
    threading.Thread(
        target=_end_without_command, args=(pipe, is_told), name="dtx-holder-pipe", daemon=True
    ).start()
    settings = order.settings
    planned = _plan(settings, pipe)
    with Session(planned.system, planned.runtime, is_for_one=True) as session:
        folder = order.folder
        if folder is not None:
            for step in session.bring_up(_logs(folder)):
                pipe.send(step)
        else:
            for event in session.run_planned(planned, settings):
                if isinstance(event, TrialPlanned | TrialFinished):
                    folder = event.folder
                pipe.send(event)
        environment = session.environment
        held = describe(environment, folder or Path(), is_run=order.folder is None)
        announce(held, environment.folder)
        is_told.set()
        pipe.send(EnvironmentHeld(held=held))
        if pipe.recv() != _TAKEN:
            raise EOFError
        pipe.close()
        while True:
            signal.pause()


def describe(environment: Environment, folder: Path, *, is_run: bool) -> HeldEnvironment:
    """Return where everything of a running environment is, held by this process."""
    system = environment.system
    request = RequestRenderer(system.client.request, environment.client_url)
    first = transaction(1, seed=1, generators=system.client.fields)

    def url(kind: str, name: str) -> str:
        return environment.url(Reference(kind=kind, name=name, field="url"))

    return HeldEnvironment(
        id=environment.run_id,
        pid=os.getpid(),
        started=process_tree.start_time(os.getpid()) or "",
        since=now_utc(),
        system=system.name,
        runtime=environment.runtime.name,
        folder=str(folder.absolute()),
        is_run=is_run,
        databases={name: url("databases", name) for name in system.databases},
        workers={name: url("workers", name) for name, w in system.workers.items() if w.has_http},
        links={
            name: HeldLink(
                listen=str(environment.links.address(name)),
                proxy=environment.links.proxy_name(name),
            )
            for name in environment.links.names()
        },
        toxiproxy=environment.toxiproxy_url,
        sample=SampleRequest(
            method=request.method,
            url=request.url(first),
            json=request.body(first) if request.has_body else None,
        ),
    )


def _end_without_command(pipe: "Connection[Any, Any]", is_told: threading.Event) -> None:
    # The command says nothing while it waits: what can be read before it was told all is the end of the pipe.
    wait([pipe])
    if not is_told.is_set():
        os.kill(os.getpid(), signal.SIGTERM)


def _logs(folder: Path) -> Path:
    logs = folder / "logs"
    try:
        logs.mkdir(parents=True)
    except OSError as error:
        raise RecordError(
            f"can't make the folder {logs}: {error.strerror or error}",
            hint="give another place with --out DIR",
        ) from error
    return logs


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=END_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()  # its reaper cleans up
        process.wait()
