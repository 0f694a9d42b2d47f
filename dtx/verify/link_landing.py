"""Whether a fault on links landed: what the kernel and the proxies counted, judged by the proof that it demands."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from dtx.core.history import FaultEvent
from dtx.core.schedule import Proof
from dtx.verify.words import listed

MORE_TRAFFIC = "raise --rate, lengthen it with for=, or name a link that carries traffic"


def link_lacks(proof: Proof, healed: FaultEvent) -> Iterator[str]:
    """Yield, in words, what the proof lacks; nothing if it is complete."""
    yield from _LACKS[proof](healed)


def link_words(proof: Proof, healed: FaultEvent) -> str:
    """Return what proves that it landed."""
    words = _WORDS[proof]
    if proof is Proof.SILENCE and not _sum(healed, "request_bytes"):
        words = "{waiting} connections had asked just before and had no answer while it was on"
    return words.format(
        sent=_sum(healed, "request_bytes"),
        waiting=_sum(healed, "waiting"),
        lost_requests=_sum(healed, "dropped_request_bytes"),
        lost_replies=_sum(healed, "dropped_reply_bytes"),
        lost=_dropped(healed),
        answered=_sum(healed, "answered"),
        touched=_sum(healed, "touched"),
        cut=_sum(healed, "cut"),
    )


def _lacks_requests(healed: FaultEvent) -> Iterator[str]:
    if not _sum(healed, "request_bytes"):
        yield f"nothing was sent on {listed(healed.targets)} while it was on; {MORE_TRAFFIC}"


def _lacks_silence(healed: FaultEvent) -> Iterator[str]:
    # All connections of a small pool may have asked before the count began, and wait: nothing more can be sent.
    if not _sum(healed, "waiting"):
        yield from _lacks_requests(healed)
    yield from _lacks_quiet_source(healed)


def _lacks_quiet_source(healed: FaultEvent) -> Iterator[str]:
    if answered := _sum(healed, "reply_bytes"):
        yield f"{answered} bytes of replies came through on {listed(healed.targets)}"


def _lacks_lost_reply(healed: FaultEvent) -> Iterator[str]:
    # A lost reply proves its request, which may have been sent before the count of requests began.
    yield from _lacks_quiet_source(healed)
    if not _sum(healed, "dropped_reply_bytes"):
        yield f"no reply was lost on {listed(healed.targets)}; {MORE_TRAFFIC}"


def _lacks_unanswered(healed: FaultEvent) -> Iterator[str]:
    yield from _lacks_requests(healed)
    if answered := _sum(healed, "answered"):
        yield f"{answered} requests were answered on {listed(healed.targets)}"


def _lacks_lost_request(healed: FaultEvent) -> Iterator[str]:
    yield from _lacks_unanswered(healed)
    if not _sum(healed, "dropped_request_bytes"):
        yield f"no request was lost on {listed(healed.targets)}; {MORE_TRAFFIC}"


def _lacks_refused(healed: FaultEvent) -> Iterator[str]:
    if not _sum(healed, "cut"):
        yield f"no connection in use was closed on {listed(healed.targets)}; {MORE_TRAFFIC}"
    if left := _sum(healed, "left"):
        yield f"{left} connections were still open on {listed(healed.targets)}"


def _lacks_reset(healed: FaultEvent) -> Iterator[str]:
    if not _sum(healed, "dropped_reply_bytes"):
        yield f"no answer was reset on {listed(healed.targets)}; {MORE_TRAFFIC}"


def _lacks_cut(healed: FaultEvent) -> Iterator[str]:
    if not (_sum(healed, "cut") or _dropped(healed)):
        yield f"no connection of {listed(healed.targets)} came so far; {MORE_TRAFFIC}"


def _lacks_touched(what: str) -> Callable[[FaultEvent], Iterator[str]]:
    """Most of what could be measured must show it: one answer that was slow by itself proves nothing."""

    def lacks(healed: FaultEvent) -> Iterator[str]:
        answered, touched = _sum(healed, "answered"), _sum(healed, "touched")
        if not answered:
            yield f"nothing on {listed(healed.targets)} could show it ({what}); {MORE_TRAFFIC}"
        elif touched * 2 <= answered:
            yield f"on {listed(healed.targets)} only {touched} of {answered} show it: {what}"

    return lacks


def _dropped(healed: FaultEvent) -> int:
    return _sum(healed, "dropped_request_bytes") + _sum(healed, "dropped_reply_bytes")


def _sum(healed: FaultEvent, field: str) -> int:
    return sum(getattr(link, field) for link in healed.links)


_LACKS: Final[Mapping[Proof, Callable[[FaultEvent], Iterator[str]]]] = {
    Proof.SILENCE: _lacks_silence,
    Proof.LOST_REPLY: _lacks_lost_reply,
    Proof.UNANSWERED: _lacks_unanswered,
    Proof.LOST_REQUEST: _lacks_lost_request,
    Proof.REFUSED: _lacks_refused,
    Proof.RESET: _lacks_reset,
    Proof.CUT: _lacks_cut,
    Proof.LATE: _lacks_touched("answers to requests that came after it began"),
    Proof.PIECES: _lacks_touched("answers that are long enough"),
    Proof.LATE_CLOSE: _lacks_touched("connections that the source closed"),
}
_WORDS: Final[Mapping[Proof, str]] = {
    Proof.SILENCE: "{sent} bytes were sent into it and none came back",
    Proof.LOST_REPLY: "{lost_replies} bytes of replies were lost, to {sent} bytes of requests sent while it was on",
    Proof.UNANSWERED: "{sent} bytes were sent into it and no request was answered",
    Proof.LOST_REQUEST: "{lost_requests} bytes of requests were lost, and no request was answered",
    Proof.REFUSED: "connections in use that were closed: {cut}; none was open at its end",
    Proof.RESET: "{lost_replies} bytes of answers were lost with connections that were reset",
    Proof.CUT: "connections seen to end there: {cut}; {lost} bytes beyond it were lost",
    Proof.LATE: "{touched} of {answered} answers came as late as they must",
    Proof.PIECES: "{touched} of {answered} answers that were long enough came in pieces",
    Proof.LATE_CLOSE: "{touched} of {answered} connections that the source closed were kept so long",
}

PROOFS: Final = frozenset(_LACKS)
"""The proofs that links give."""
