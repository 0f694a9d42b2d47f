"""Whether a fault landed: the evidence of one window judged by the proof that its fault demands."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from dtx.core.history import FaultEvent
from dtx.core.schedule import Proof
from dtx.verify.link_landing import link_lacks, link_words
from dtx.verify.timeline import FaultWindow
from dtx.verify.words import listed

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
        case (
            Proof.SILENCE
            | Proof.LOST_REPLY
            | Proof.UNANSWERED
            | Proof.LOST_REQUEST
            | Proof.REFUSED
            | Proof.RESET
            | Proof.CUT
            | Proof.LATE
            | Proof.PIECES
            | Proof.LATE_CLOSE
        ):
            yield from link_lacks(proof, healed)
        case Proof.DEATH:
            yield from _lacks_death(injected, healed)
        case Proof.CRASH:
            if not any(node.is_crash_reached for node in healed.nodes):
                yield (
                    f"{listed(healed.targets)} did not pass the crash point while it was armed; "
                    "raise --rate or lengthen it with for="
                )
        case _:
            assert_never(proof)


def _lacks_death(injected: FaultEvent, healed: FaultEvent) -> Iterator[str]:
    for node in healed.nodes:
        if not node.processes:
            yield f"no process of {node.node} was killed"
        if node.restarted_after_s is None:
            yield f"{node.node} was not started again"
    if not healed.nodes:
        yield "no process was killed"
    if not injected.in_flight:
        yield f"no transaction was under way; {_MORE_WORK}"
    if not sum(node.connections for node in healed.nodes):
        yield f"{listed(healed.targets)} had no open connection; {_MORE_WORK}"
    if not sum(node.silenced for node in healed.nodes):
        yield f"no connection of {listed(healed.targets)} went silent"


def _proof_words(proof: Proof, healed: FaultEvent) -> str:
    match proof:
        case (
            Proof.SILENCE
            | Proof.LOST_REPLY
            | Proof.UNANSWERED
            | Proof.LOST_REQUEST
            | Proof.REFUSED
            | Proof.RESET
            | Proof.CUT
            | Proof.LATE
            | Proof.PIECES
            | Proof.LATE_CLOSE
        ):
            return link_words(proof, healed)
        case Proof.DEATH:
            killed = sum(node.processes for node in healed.nodes)
            silenced = sum(node.silenced for node in healed.nodes)
            return f"processes killed: {killed}, connections that went silent: {silenced}"
        case Proof.CRASH:
            reached = (node for node in healed.nodes if node.is_crash_reached)
            return "; ".join(
                f"{node.node} killed itself there" + (f", for {node.tx}" if node.tx else "")
                for node in reached
            )
        case _:
            assert_never(proof)
