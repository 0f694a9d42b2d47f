"""What each kind of fault on nodes must show to have landed, and what its evidence says, in words."""

from collections.abc import Iterator

from dtx.core.history import FaultEvent, NodeEvidence
from dtx.verify.words import listed

MORE_TRAFFIC = "raise --rate, lengthen it with for=, or name a link that carries traffic"
MORE_WORK = "raise --rate, or let it begin later with at=, when transactions are under way"


def lacks_death(injected: FaultEvent, healed: FaultEvent) -> Iterator[str]:
    """Yield what a killed process tree lacks."""
    for node in healed.nodes:
        if not node.processes:
            yield f"no process of {node.node} was there to end"
        if node.restarted_after_s is None:
            yield f"{node.node} was not started again"
    yield from _lacks_work(injected, healed)
    if not sum(node.silenced for node in healed.nodes):
        yield f"no connection of {listed(healed.targets)} went silent"


def death_words(healed: FaultEvent) -> str:
    """Return what was killed."""
    silenced = sum(node.silenced for node in healed.nodes)
    return f"processes killed: {_processes(healed)}, connections that went silent: {silenced}"


def lacks_power_loss(injected: FaultEvent, healed: FaultEvent) -> Iterator[str]:
    """Yield what a loss of power lacks: what a kill would lack, and knowing what was synced."""
    yield from lacks_death(injected, healed)
    for node in healed.nodes:
        if node.unseen:
            yield f"what {node.node} synced is not known, so nothing was cut: {node.unseen}"
        elif not node.durable_files:
            yield f"{node.node} had none of its durable files"


def power_loss_words(healed: FaultEvent) -> str:
    """Return what was killed and what it lost."""
    files = sum(node.durable_files for node in healed.nodes)
    lost = sum(node.cut_bytes for node in healed.nodes)
    what = f"lost {lost} bytes that were not synced" if lost else "had all been synced"
    return f"{death_words(healed)}, durable files: {files}, which {what}"


def lacks_restart(injected: FaultEvent, healed: FaultEvent) -> Iterator[str]:
    """Yield what a clean stop lacks: what a kill would lack, and what had to be killed."""
    yield from lacks_death(injected, healed)
    for node in healed.nodes:
        if node.forced:
            yield f"{node.node} did not end by itself: {node.forced} of its processes were killed"


def restart_words(healed: FaultEvent) -> str:
    """Return what ended."""
    silenced = sum(node.silenced for node in healed.nodes)
    return (
        f"processes that ended cleanly: {_processes(healed)}, "
        f"connections that went silent: {silenced}"
    )


def lacks_pause(injected: FaultEvent, healed: FaultEvent) -> Iterator[str]:
    """Yield what a stopped process tree lacks."""
    for node in healed.nodes:
        if not node.processes:
            yield f"no process of {node.node} was there to stop"
        if node.resumed_after_s is None:
            yield f"{node.node} did not go on"
        if node.silenced < node.connections:
            yield (
                f"{node.connections - node.silenced} of {node.connections} connections of "
                f"{node.node} went on speaking"
            )
    yield from _lacks_work(injected, healed)
    if not any(node.held_bytes or node.resumed_bytes for node in healed.nodes):
        yield (
            f"nothing was sent to {listed(healed.targets)} while it was stopped, and it had nothing to say "
            f"when it went on; {MORE_TRAFFIC}"
        )


def pause_words(healed: FaultEvent) -> str:
    """Return what was stopped and how silent it was."""
    silenced = sum(node.silenced for node in healed.nodes)
    held = sum(node.held_bytes for node in healed.nodes)
    resumed = sum(node.resumed_bytes for node in healed.nodes)
    return (
        f"processes stopped: {_processes(healed)}, connections that stayed silent: {silenced}, "
        f"bytes sent to them meanwhile: {held}, bytes that came once they went on: {resumed}"
    )


def lacks_crash(injected: FaultEvent, healed: FaultEvent) -> Iterator[str]:
    """Yield what an armed crash point lacks."""
    del injected
    if not any(node.is_crash_reached for node in healed.nodes):
        yield (
            f"{listed(healed.targets)} did not pass the crash point while it was armed; "
            "raise --rate or lengthen it with for="
        )


def crash_words(healed: FaultEvent) -> str:
    """Return who killed itself, and for which transaction."""
    reached = (node for node in healed.nodes if node.is_crash_reached)
    return "; ".join(
        f"{node.node} killed itself there" + (f", for {node.tx}" if node.tx else "")
        for node in reached
    )


def lacks_sessions(injected: FaultEvent, healed: FaultEvent) -> Iterator[str]:
    """Yield what ended sessions lack."""
    yield from _lacks_transaction(injected)
    if not sum(node.sessions for node in healed.nodes):
        yield f"{listed(healed.targets)} had no session to end; {MORE_WORK}"
    if not sum(node.busy for node in healed.nodes):
        yield f"no session that was ended was in the midst of work; {MORE_TRAFFIC}"


def sessions_words(healed: FaultEvent) -> str:
    """Return how many sessions were ended."""
    ended = sum(node.sessions for node in healed.nodes)
    busy = sum(node.busy for node in healed.nodes)
    return f"sessions ended: {ended}, of them in the midst of work: {busy}"


def lacks_locks(injected: FaultEvent, healed: FaultEvent) -> Iterator[str]:
    """Yield what held rows lack."""
    yield from _lacks_transaction(injected)
    for node in healed.nodes:
        if not node.rows:
            yield f"{node.table or 'the table'} of {node.node} had no row to lock"
    if not sum(node.waiters for node in healed.nodes):
        yield (
            f"nobody waited for the locks in {listed(healed.targets)}; "
            "name a table whose rows are updated, raise --rate or lengthen it with for="
        )


def locks_words(healed: FaultEvent) -> str:
    """Return what was held and how many waited."""

    def words(node: NodeEvidence) -> str:
        return f"rows of {node.table} that were held: {node.rows}, sessions that waited: {node.waiters}"

    return "; ".join(words(node) for node in healed.nodes)


def _lacks_work(injected: FaultEvent, healed: FaultEvent) -> Iterator[str]:
    """Yield what keeps a process tree from having met live work."""
    if not healed.nodes:
        yield f"nothing happened to {listed(healed.targets)}"
    yield from _lacks_transaction(injected)
    if not sum(node.connections for node in healed.nodes):
        yield f"{listed(healed.targets)} had no open connection; {MORE_WORK}"


def _lacks_transaction(injected: FaultEvent) -> Iterator[str]:
    if not injected.in_flight:
        yield f"no transaction was under way; {MORE_WORK}"


def _processes(healed: FaultEvent) -> int:
    return sum(node.processes for node in healed.nodes)
