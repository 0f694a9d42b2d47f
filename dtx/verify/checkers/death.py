"""Death: no worker and no target dies that no fault killed."""

from collections.abc import Iterable
from typing import Final

from dtx.config.model import Contract
from dtx.core.history import PhaseName, ProcessChange, ProcessEvent
from dtx.core.schedule import Proof
from dtx.core.verdict import Finding
from dtx.verify.check import Checker, Judgement
from dtx.verify.ledger import Ledger
from dtx.verify.timeline import FaultWindow
from dtx.verify.words import count, listed

NAME: Final = "death"
CLAIM: Final = "no worker and no database dies that no fault killed"

_ENDS_NODES = frozenset({Proof.DEATH, Proof.POWER_LOSS, Proof.CRASH, Proof.RESTART})
_NOTICE_NS = 1_000_000_000
"""The thread that notices a death and the one that records the fault may be this far apart."""


def judge(ledger: Ledger) -> Judgement:
    """Convict nodes that died outside of every fault that kills them."""
    timeline = ledger.timeline
    teardown_ns = timeline.began(PhaseName.END)
    nodes = {event.node for event in timeline.processes}
    unexplained = [
        event
        for event in timeline.processes
        if event.change is ProcessChange.DIED
        and (teardown_ns is None or event.at_ns < teardown_ns)
        and not _is_explained(event, timeline.windows)
    ]
    if not unexplained:
        return Judgement(judged=len(nodes))
    dead = sorted({event.node for event in unexplained})
    finding = Finding(
        checker=NAME,
        claim=CLAIM,
        summary=f"{count(len(unexplained), 'death')} that no fault explains: {listed(dead)}",
        subjects=tuple(dead),
        evidence=tuple(
            f"{event.node} died at {timeline.seconds(event.at_ns):.3f} s: {event.detail}".rstrip(
                ": "
            )
            for event in sorted(unexplained, key=lambda event: (event.at_ns, event.node))
        ),
    )
    return Judgement(judged=len(nodes), findings=(finding,))


def _is_explained(event: ProcessEvent, windows: Iterable[FaultWindow]) -> bool:
    return any(
        window.injected is not None
        and window.plan.proof in _ENDS_NODES
        and event.node in window.targets
        and window.begin_ns - _NOTICE_NS <= event.at_ns <= window.end_ns + _NOTICE_NS
        for window in windows
    )


def _is_claimed(_contract: Contract) -> bool:
    return True


CHECKER: Final = Checker(name=NAME, claim=CLAIM, judge=judge, is_claimed=_is_claimed)
