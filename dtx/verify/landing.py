"""Whether a fault landed: the evidence of one window judged by the proof that its fault demands."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from dtx.core.history import FaultEvent
from dtx.core.schedule import Proof
from dtx.verify import link_landing, node_landing
from dtx.verify.timeline import FaultWindow
from dtx.verify.words import listed

Lacks = Callable[[FaultEvent, FaultEvent], Iterator[str]]
"""From the events of injecting and healing to what the proof lacks, in words; nothing if it is complete."""

Words = Callable[[FaultEvent], str]
"""From the event of healing to what its evidence says, in words."""


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
    _, words = _PROOFS[window.plan.proof]
    return Landing(has_landed=True, reason=words(healed))


def _not(reason: str) -> Landing:
    return Landing(has_landed=False, reason=reason)


def _lacks(proof: Proof, injected: FaultEvent, healed: FaultEvent) -> Iterator[str]:
    if not healed.is_healed:
        yield f"nothing proves that {listed(healed.targets)} healed"
    lacks, _ = _PROOFS[proof]
    yield from lacks(injected, healed)


def _on_links(proof: Proof) -> tuple[Lacks, Words]:
    def lacks(injected: FaultEvent, healed: FaultEvent) -> Iterator[str]:
        del injected
        yield from link_landing.link_lacks(proof, healed)

    return lacks, lambda healed: link_landing.link_words(proof, healed)


_PROOFS: Final[Mapping[Proof, tuple[Lacks, Words]]] = {
    **{proof: _on_links(proof) for proof in link_landing.PROOFS},
    Proof.DEATH: (node_landing.lacks_death, node_landing.death_words),
    Proof.POWER_LOSS: (node_landing.lacks_power_loss, node_landing.power_loss_words),
    Proof.CRASH: (node_landing.lacks_crash, node_landing.crash_words),
    Proof.RESTART: (node_landing.lacks_restart, node_landing.restart_words),
    Proof.PAUSE: (node_landing.lacks_pause, node_landing.pause_words),
    Proof.SESSIONS: (node_landing.lacks_sessions, node_landing.sessions_words),
    Proof.LOCKS: (node_landing.lacks_locks, node_landing.locks_words),
}
"""Held complete by a test that lets every proof land."""
