"""Follows the connections of links while a fault is on: which requests were answered, how late, in how many pieces.

The kernel tells, for each connection that a proxy accepted, how long ago payload last came and last went
(tcp_info, tcpi_last_data_recv and tcpi_last_data_sent), to a tick of its clock. So a look says when a question was asked
and when it was answered, however late one looks. Where an answer and the next question fall into one tick, what happened is not always certain: then it is not counted, or with the least
time that it can have taken. All this is right for protocols of question and answer (HTTP/1.1, SQL); a greeting, where the server
speaks first, is left out. Other bytes that a server sends unasked may be taken for an answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from dtx.core.ports import LinkConnection, Stream

TICK_MS = 10
"""The longest tick of a Linux kernel's clock (CONFIG_HZ=100), and the time between two looks."""
TOLERANCE_MS = 2 * TICK_MS
LEAST_MS = 3 * TICK_MS
"""Shorter delays can't be told from none."""
QUIET_MS = 100
"""A request and an answer in the same tick, so long ago: the answer was to this request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request that came after the fault began, and its answer so far.

    Attributes:
        first_ms: from the end of the request to the answer, when it was first seen; at least so long.
        last_ms: the same, to what was last seen of the answer.
        unseen_ms: it may have taken so much longer, and if others can have come in that time the bytes may be those of
            several. Looks are far apart on a busy machine.
    """

    first_ms: int
    last_ms: int
    request_bytes: int
    reply_bytes: int
    reply_segments: int
    unseen_ms: int = 0


Judge = Callable[[Exchange], bool | None]
"""Whether an answer shows the fault; None if it is too small, or was seen too late, for that to be told."""


def never(_: Exchange) -> bool | None:
    """Judge for faults under which no answer may come."""
    return False


def at_least(delay_ms: int) -> Judge:
    """Return the judge for answers that must take at least so long."""
    if delay_ms < LEAST_MS:
        return lambda _: None
    return lambda exchange: _took(exchange, exchange.first_ms, delay_ms)


def slower_than(rate_kb_s: int) -> Judge:
    """Return the judge for answers that pass at so many bytes a millisecond: half of the time at least.

    Toxiproxy lets a chunk pass sooner by what the one before was late (toxics/bandwidth.go, 2.12: "offset the next sleep by
    the error"), which on a busy machine can be most of it.
    """

    def judge(exchange: Exchange) -> bool | None:
        needed_ms = max(exchange.request_bytes, exchange.reply_bytes) // rate_kb_s // 2
        if needed_ms < LEAST_MS:
            return None
        return _took(exchange, exchange.last_ms, needed_ms)

    return judge


def _took(exchange: Exchange, took_ms: int, needed_ms: int) -> bool | None:
    if took_ms >= needed_ms - TOLERANCE_MS:
        return True
    return None if took_ms + exchange.unseen_ms >= needed_ms - TOLERANCE_MS else False


def in_pieces_of(size: int) -> Judge:
    """Return the judge for answers longer than `size` bytes: no segment may be longer, on average."""

    def judge(exchange: Exchange) -> bool | None:
        if exchange.reply_bytes <= size:
            return None
        return exchange.reply_segments * size >= exchange.reply_bytes

    return judge


@dataclass(slots=True)
class _Followed:
    """One connection.

    Attributes:
        latest: as it was last seen, at `seen_ns`.
        base: as it was before the question that is open, or was answered last.
        asked_ns: when the last of the open question came; None if none is open.
        first_ns: when the first of it came. More that comes before an answer is taken for the rest of the question,
            but may be another one, or a goodbye: then the answer took so long.
        is_sure: whether it is certain that it is open.
        exchange: the last one.
        doubtful: how often a question and an answer came in one tick and may or may not belong together.
        left_after_ns: the last look before the source had closed it, which was seen from `left_since_ns` to
            `left_until_ns`; at `left_before_ns` it was gone.
    """

    latest: LinkConnection
    base: LinkConnection
    seen_ns: int = 0
    asked_ns: int | None = None
    first_ns: int = 0
    is_sure: bool = True
    exchange: Exchange | None = None
    doubtful: int = 0
    left_after_ns: int = 0
    left_since_ns: int | None = None
    left_until_ns: int = 0
    left_before_ns: int | None = None

    def ask(self, base: LinkConnection, asked_ns: int, *, is_sure: bool) -> None:
        """A question is open."""
        self.base, self.asked_ns, self.first_ns, self.is_sure = base, asked_ns, asked_ns, is_sure


class Exchanges:
    """What was seen on the connections of one link since the fault began or last changed."""

    def __init__(
        self, *, closes_after_ms: int | None = None, cut_after: tuple[Stream, int] | None = None
    ) -> None:
        """Follow nothing yet.

        Args:
            closes_after_ms: judge not answers but closings: a proxy must keep a left connection so long.
            cut_after: count the connections that ended after exactly so many bytes of one direction.
        """
        self._closes_after_ms = closes_after_ms
        self._cut_after = cut_after
        self._since_ns = self._looked_ns = 0
        self._judge: Judge = never
        self._followed: dict[str, _Followed] = {}
        self._starts: dict[str, LinkConnection] = {}
        self._cut: set[str] = set()
        self._answered = 0
        self._touched = 0

    def begin(self, now_ns: int, seen: Sequence[LinkConnection], judge: Judge) -> None:
        """Judge only requests that come from now on, by `judge`; answers to earlier ones do not count."""
        for followed in self._followed.values():
            self._finish(followed)
        self._since_ns = now_ns
        self._judge = judge
        for one in seen:
            self._starts.setdefault(one.id, one)
            followed = self._followed[one.id] = _Followed(latest=one, base=one, seen_ns=now_ns)
            is_same_tick = one.request_ms_ago == one.reply_ms_ago and one.request_ms_ago < QUIET_MS
            if one.request_bytes and (one.request_ms_ago < one.reply_ms_ago or is_same_tick):
                # It came before: whatever comes for it is not counted.
                followed.ask(one, 0, is_sure=not is_same_tick)

    def see(self, now_ns: int, seen: Sequence[LinkConnection]) -> None:
        """Take the connections as the kernel sees them now."""
        looked_ns, self._looked_ns = self._looked_ns or now_ns, now_ns
        left = {one.id for one in seen if one.is_left}
        for one in seen:
            nothing = replace(one, request_bytes=0, reply_bytes=0, reply_segments=0)
            self._starts.setdefault(one.id, nothing)
            followed = self._followed.setdefault(
                one.id, _Followed(latest=nothing, base=nothing, seen_ns=now_ns)
            )
            if one.is_left:
                if followed.left_since_ns is None:
                    followed.left_after_ns, followed.left_since_ns = looked_ns, now_ns
                followed.left_until_ns = now_ns
            self._look(now_ns, followed, one)
            followed.latest, followed.seen_ns = one, now_ns
        open_now = {one.id for one in seen if one.is_open}
        for key, followed in self._followed.items():
            if followed.left_since_ns is not None and key not in left:
                followed.left_before_ns = followed.left_before_ns or now_ns
            if key not in open_now and self._is_cut(self._starts[key], followed.latest):
                self._cut.add(key)

    @property
    def cut(self) -> int:
        """How many connections ended after exactly the bytes of `cut_after`."""
        return len(self._cut)

    def counts(self) -> tuple[int, int]:
        """Return how many answers (or closings) were judged, and how many of them show the fault."""
        answered, touched = self._answered, self._touched
        for followed in self._followed.values():
            verdict = self._verdict(followed)
            answered += verdict is not None
            touched += verdict is True
            if self._judge is never and self._closes_after_ms is None:
                # The first may be the answer to a question from before the fault.
                answered += max(0, followed.doubtful - 1)
        return answered, touched

    def _look(self, now_ns: int, followed: _Followed, one: LinkConnection) -> None:
        if one.is_greeted and one.reply_segments and not followed.latest.reply_segments:
            greeting = (
                one.reply_bytes if one.reply_segments == 1 else 0
            )  # how long it was can't be told
            followed.latest = replace(followed.latest, reply_segments=1, reply_bytes=greeting)
        was = followed.latest
        asked_ns = now_ns - one.request_ms_ago * 1_000_000
        replied_ns = now_ns - one.reply_ms_ago * 1_000_000
        has_asked = one.request_bytes > was.request_bytes
        has_answered = one.reply_segments > was.reply_segments
        if has_asked and has_answered:
            self._look_at_both(followed, one, asked_ns, now_ns)
        elif has_asked:
            if followed.asked_ns is None or not followed.is_sure:
                self._finish(followed)
                followed.ask(was, asked_ns, is_sure=True)
            followed.asked_ns = asked_ns
        elif has_answered:
            if followed.asked_ns is not None:
                self._answer(followed, one, followed.asked_ns, replied_ns, replied_ns)
            elif followed.exchange is not None:
                grown_ms = was.reply_ms_ago + (now_ns - followed.seen_ns) // 1_000_000
                followed.exchange = replace(
                    followed.exchange,
                    last_ms=followed.exchange.last_ms + max(0, grown_ms - one.reply_ms_ago),
                    reply_bytes=one.reply_bytes - followed.base.reply_bytes,
                    reply_segments=one.reply_segments - followed.base.reply_segments,
                )

    def _look_at_both(
        self, followed: _Followed, one: LinkConnection, asked_ns: int, now_ns: int
    ) -> None:
        """Tell apart who came first: the last answer to an open question, or the last question."""
        was = followed.latest
        is_question_first = one.reply_ms_ago < one.request_ms_ago
        is_same_tick = one.reply_ms_ago == one.request_ms_ago
        if is_question_first or (is_same_tick and followed.asked_ns is None):
            self._answer_to_last(followed, one, asked_ns, now_ns)
            return
        is_open = followed.asked_ns is not None and followed.is_sure
        # The one segment answers what was open, and can't answer what was asked only after it had come.
        is_one_answer = is_open and one.reply_segments == was.reply_segments + 1
        if followed.asked_ns is not None and is_open:
            answered = replace(one, request_bytes=was.request_bytes)
            replied_ns = now_ns - one.reply_ms_ago * 1_000_000
            # It was still open when it was last looked at.
            least_ns, most_ns = (
                (replied_ns, replied_ns) if is_one_answer else (followed.seen_ns, now_ns)
            )
            self._answer(followed, answered, followed.asked_ns, least_ns, most_ns)
        elif followed.asked_ns is not None:
            followed.doubtful += 1
        self._finish(followed)
        behind = replace(one, request_bytes=was.request_bytes)
        followed.ask(behind, asked_ns, is_sure=is_one_answer or not is_same_tick)

    def _answer_to_last(
        self, followed: _Followed, one: LinkConnection, asked_ns: int, now_ns: int
    ) -> None:
        """The last answer came after the last question: both times are of one look, so what is between them is exact."""
        took_ns = (one.request_ms_ago - one.reply_ms_ago) * 1_000_000
        unseen_ns = now_ns - followed.seen_ns
        if followed.asked_ns is not None:
            # It may be that to the question that was open.
            unseen_ns = max(unseen_ns, asked_ns - followed.first_ns)
        self._finish(followed)
        followed.base = followed.latest
        self._count(followed, one, asked_ns, took_ns, unseen_ns)

    def _answer(
        self, followed: _Followed, one: LinkConnection, asked_ns: int, since_ns: int, until_ns: int
    ) -> None:
        """The question that was open is answered, between two times."""
        least_ns = max(0, since_ns - asked_ns)
        self._count(
            followed, one, asked_ns, least_ns, max(0, until_ns - followed.first_ns - least_ns)
        )

    def _count(
        self, followed: _Followed, one: LinkConnection, asked_ns: int, took_ns: int, unseen_ns: int
    ) -> None:
        followed.asked_ns = None
        # A tick early, it may have come before the fault was on.
        if asked_ns - TICK_MS * 1_000_000 < self._since_ns:
            return
        took_ms = took_ns // 1_000_000
        base = followed.base
        followed.exchange = Exchange(
            first_ms=took_ms,
            last_ms=took_ms,
            request_bytes=one.request_bytes - base.request_bytes,
            reply_bytes=one.reply_bytes - base.reply_bytes,
            reply_segments=one.reply_segments - base.reply_segments,
            unseen_ms=unseen_ns // 1_000_000,
        )

    def _is_cut(self, start: LinkConnection, end: LinkConnection) -> bool:
        if self._cut_after is None:
            return False
        stream, size = self._cut_after
        sent = (
            end.request_bytes - start.request_bytes
            if stream is Stream.REQUESTS
            else end.reply_bytes - start.reply_bytes
        )
        # After 0 bytes no one can tell who closed it.
        return sent == size > 0

    def _verdict(self, followed: _Followed) -> bool | None:
        if self._closes_after_ms is not None:
            return _was_kept(followed, self._closes_after_ms)
        return None if followed.exchange is None else self._judge(followed.exchange)

    def _finish(self, followed: _Followed) -> None:
        if self._closes_after_ms is not None:
            return
        verdict = self._verdict(followed)
        self._answered += verdict is not None
        self._touched += verdict is True
        followed.exchange = None


def waiting(seen: Sequence[LinkConnection], *, within_ms: int) -> int:
    """Return how many connections wait for the answer to a request that came within the last `within_ms`.

    One that came in the same tick of the kernel's clock as a reply does not count: which was later can't be told.
    """
    return sum(
        one.request_bytes > 0 and one.request_ms_ago < min(one.reply_ms_ago, within_ms)
        for one in seen
    )


def _was_kept(followed: _Followed, needed_ms: int) -> bool | None:
    """Return whether a connection that the source had closed was kept so long; None if it was not or can't be told."""
    if followed.left_since_ns is None:
        return None
    least_ms = (followed.left_until_ns - followed.left_since_ns) / 1e6
    if least_ms >= needed_ms - TOLERANCE_MS:
        return True
    if followed.left_before_ns is None:
        return None  # It is still kept, and has not had its time.
    most_ms = (followed.left_before_ns - followed.left_after_ns) / 1e6
    return None if most_ms >= needed_ms else False


def in_use(seen: Sequence[LinkConnection], *, within_ms: int) -> set[str]:
    """Return the ids of open connections on which payload moved within the last `within_ms`."""
    return {
        one.id
        for one in seen
        if one.is_open
        and one.request_bytes + one.reply_bytes > 0
        and min(one.request_ms_ago, one.reply_ms_ago) <= within_ms
    }
