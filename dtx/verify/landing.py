"""Whether a fault landed: the evidence of one window judged by the proof that its fault demands."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from dtx.core.history import FaultEvent
from dtx.core.schedule import Proof
from dtx.verify.timeline import FaultWindow
from dtx.verify.words import listed

_MORE_TRAFFIC = "raise --rate, lengthen it with for=, or name a link that carries traffic"
_MORE_WORK = "raise --rate, or let it begin later with at=, when transactions are under way"


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """Whether a fault landed; `reason` says why or why not, with a hint."""

    has_landed: bool
    reason: str


def judge_landing(window: FaultWindow) -> Landing:
    """Judge one window."""
    injected, healed = window.injected, window.healed
    if injected is None:
        return _not("it was never injected; the run ended before its time came")
    if injected.error:
        return _not(f"it could not be injected: {injected.error}")
    if healed is None:
        return _not("the run ended before it was healed")
    if healed.error:
        return _not(f"not everything about it went well: {healed.error}")
    lacking = next(_lacks(window.plan.proof, injected, healed), None)
    if lacking is not None:
        return _not(lacking)
    return Landing(has_landed=True, reason=_proof_words(window.plan.proof, healed))


def _not(reason: str) -> Landing:
    return Landing(has_landed=False, reason=reason)


def _lacks(proof: Proof, injected: FaultEvent, healed: FaultEvent) -> Iterator[str]:
    """Yield, in words, what the proof lacks; nothing if it is complete."""
    if not healed.is_healed:
        yield f"nothing proves that {listed(healed.targets)} healed"
    match proof:
        case Proof.SILENCE:
            yield from _lacks_silence(healed)
        case Proof.LOST_REPLY:
            yield from _lacks_silence(healed)
            if not sum(link.dropped_reply_bytes for link in healed.links):
                yield f"no reply was lost on {listed(healed.targets)}; {_MORE_TRAFFIC}"
        case Proof.DEATH:
            yield from _lacks_death(injected, healed)
        case Proof.RESTART:
            yield from _lacks_death(injected, healed)
            for node in healed.nodes:
                if node.forced:
                    yield f"{node.node} did not end by itself: {node.forced} of its processes were killed"
        case Proof.PAUSE:
            yield from _lacks_pause(injected, healed)
        case Proof.CRASH:
            if not any(node.is_crash_reached for node in healed.nodes):
                yield (
                    f"{listed(healed.targets)} did not pass the crash point while it was armed; "
                    "raise --rate or lengthen it with for="
                )
        case _:
            assert_never(proof)


def _lacks_silence(healed: FaultEvent) -> Iterator[str]:
    sent = sum(link.request_bytes for link in healed.links)
    answered = sum(link.reply_bytes for link in healed.links)
    if not sent:
        yield f"nothing was sent on {listed(healed.targets)} while it was on; {_MORE_TRAFFIC}"
    if answered:
        yield f"{answered} bytes of replies came through on {listed(healed.targets)}"


def _lacks_death(injected: FaultEvent, healed: FaultEvent) -> Iterator[str]:
    for node in healed.nodes:
        if not node.processes:
            yield f"no process of {node.node} was there to end"
        if node.restarted_after_s is None:
            yield f"{node.node} was not started again"
    yield from _lacks_work(injected, healed)
    if not sum(node.silenced for node in healed.nodes):
        yield f"no connection of {listed(healed.targets)} went silent"


def _lacks_pause(injected: FaultEvent, healed: FaultEvent) -> Iterator[str]:
    for node in healed.nodes:
        if not node.processes:
            yield f"no process of {node.node} was there to stop"
        if node.resumed_after_s is None:
            yield f"{node.node} did not go on"
        if node.silenced < node.connections:
            yield (
                f"{node.connections - node.silenced} of {node.connections} connections of {node.node} "
                "went on speaking"
            )
    yield from _lacks_work(injected, healed)
    if {node.held_bytes for node in healed.nodes} == {0}:
        yield f"nothing was sent to {listed(healed.targets)} while it was stopped; {_MORE_TRAFFIC}"


def _lacks_work(injected: FaultEvent, healed: FaultEvent) -> Iterator[str]:
    """Yield what a process tree lacks that is to meet live work."""
    if not healed.nodes:
        yield f"nothing happened to {listed(healed.targets)}"
    if not injected.in_flight:
        yield f"no transaction was under way; {_MORE_WORK}"
    if not sum(node.connections for node in healed.nodes):
        yield f"{listed(healed.targets)} had no open connection; {_MORE_WORK}"


def _proof_words(proof: Proof, healed: FaultEvent) -> str:
    sent = sum(link.request_bytes for link in healed.links)
    match proof:
        case Proof.SILENCE:
            return f"{sent} bytes were sent into it and none came back"
        case Proof.LOST_REPLY:
            lost = sum(link.dropped_reply_bytes for link in healed.links)
            return f"{sent} bytes of requests went through, {lost} bytes of replies were lost"
        case Proof.DEATH:
            killed = sum(node.processes for node in healed.nodes)
            silenced = sum(node.silenced for node in healed.nodes)
            return f"processes killed: {killed}, connections that went silent: {silenced}"
        case Proof.RESTART:
            ended = sum(node.processes for node in healed.nodes)
            silenced = sum(node.silenced for node in healed.nodes)
            return (
                f"processes that ended cleanly: {ended}, connections that went silent: {silenced}"
            )
        case Proof.PAUSE:
            stopped = sum(node.processes for node in healed.nodes)
            silenced = sum(node.silenced for node in healed.nodes)
            held = sum(node.held_bytes or 0 for node in healed.nodes)
            return (
                f"processes stopped: {stopped}, connections that stayed silent: {silenced}, "
                f"bytes sent to them meanwhile: {held}"
            )
        case Proof.CRASH:
            reached = (node for node in healed.nodes if node.is_crash_reached)
            return "; ".join(
                f"{node.node} killed itself there" + (f", for {node.tx}" if node.tx else "")
                for node in reached
            )
        case _:
            assert_never(proof)
