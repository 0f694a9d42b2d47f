"""Ending nodes and bringing them back, with the process events that a story needs."""

from collections.abc import Callable

from dtx.chaos.fault import Ports
from dtx.chaos.timer import Timer
from dtx.core.errors import DtxError
from dtx.core.history import ProcessChange, ProcessEvent
from dtx.core.ports import CleanStop, Death

ATTEMPTS = 2


def kill(
    node: str, ports: Ports, timer: Timer, *, then: Callable[[Death], str] | None = None
) -> Death:
    """Kill the whole tree of a node and record it, with the time at which all of it is known to be dead.

    To find the tree and see it end takes a while, in which it works on: the fault's own begin is the time before.

    Args:
        node: what to kill.
        ports: where it runs.
        timer: tells the time.
        then: done while it is dead; returns what there is to say of it.

    Raises:
        DtxError: some of it could not be killed.
    """
    death = ports.nodes.kill(node)
    at_ns = timer.now_ns()
    said = then(death) if then else ""
    ports.recorder.append(
        ProcessEvent(
            at_ns=at_ns,
            node=node,
            change=ProcessChange.KILLED,
            detail=f"{death.processes} process{'' if death.processes == 1 else 'es'} by SIGKILL"
            + (f"; {said}" if said else ""),
        )
    )
    return death


def stop(node: str, ports: Ports, timer: Timer) -> CleanStop:
    """Stop a node cleanly and record it, with the time just before.

    Raises:
        DtxError: it is still there.
    """
    at_ns = timer.now_ns()
    ended = ports.nodes.stop(node)
    detail = "cleanly"
    if ended.killed:
        detail = f"{ended.killed} of {ended.processes} processes did not end and were killed"
    ports.recorder.append(
        ProcessEvent(at_ns=at_ns, node=node, change=ProcessChange.STOPPED, detail=detail)
    )
    return ended


def restart(node: str, ports: Ports, timer: Timer) -> None:
    """Start a dead node and wait until it is ready; a start that fails is tried once more.

    Raises:
        DtxError: it did not become ready.
    """
    for attempt in range(1, ATTEMPTS + 1):
        if ports.nodes.is_alive(node):
            # What a start that failed has left behind does not answer: away with it.
            ports.nodes.kill(node)
        _record(node, ProcessChange.STARTED, ports, timer)
        try:
            ports.nodes.start(node)
        except DtxError:
            if attempt == ATTEMPTS:
                raise
        else:
            _record(node, ProcessChange.READY, ports, timer)
            return


def _record(node: str, change: ProcessChange, ports: Ports, timer: Timer) -> None:
    ports.recorder.append(ProcessEvent(at_ns=timer.now_ns(), node=node, change=change))
