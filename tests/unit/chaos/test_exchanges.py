"""Which answers count under a fault, from what the kernel says at each look."""

from dataclasses import replace

import pytest

from dtx.chaos.exchanges import (
    Exchange,
    Exchanges,
    at_least,
    in_pieces_of,
    in_use,
    never,
    slower_than,
    waiting,
)
from dtx.core.ports import LinkConnection, Stream

MS = 1_000_000
IDLE = LinkConnection(
    id="a",
    is_open=True,
    is_left=False,
    request_bytes=10,
    reply_bytes=20,
    reply_segments=1,
    request_ms_ago=5000,
    reply_ms_ago=4990,
)


class Watched:
    """One connection, looked at every 10 ms, under a fault that began when it was idle."""

    def __init__(self, exchanges: Exchanges, judge: object = never, begin: object = None) -> None:
        self.now_ms = 10_000
        self.exchanges = exchanges
        self.seen = begin if isinstance(begin, LinkConnection) else IDLE
        exchanges.begin(self.now_ms * MS, [self.seen], judge)  # type: ignore[arg-type]

    def look(self, at_ms: int, **changes: int) -> None:
        self.seen = replace(self.seen, **changes)  # type: ignore[arg-type]
        self.exchanges.see((self.now_ms + at_ms) * MS, [self.seen])


def exchange(**changes: int) -> Exchange:
    found = Exchange(first_ms=100, last_ms=100, request_bytes=50, reply_bytes=500, reply_segments=1)
    return replace(found, **changes)


def test_an_answer_that_took_as_long_as_it_must_shows_the_delay() -> None:
    seen = Exchanges()
    watched = Watched(seen, at_least(100))
    watched.look(60, request_bytes=30, request_ms_ago=5, reply_ms_ago=5050)
    watched.look(160, reply_bytes=40, reply_segments=2, request_ms_ago=105, reply_ms_ago=2)
    assert seen.counts() == (1, 1)


def test_a_prompt_answer_does_not() -> None:
    seen = Exchanges()
    watched = Watched(seen, at_least(100))
    watched.look(
        60, request_bytes=30, reply_bytes=40, reply_segments=2, request_ms_ago=5, reply_ms_ago=4
    )
    assert seen.counts() == (1, 0)


def test_a_question_right_behind_an_answer_is_not_its_question() -> None:
    seen = Exchanges()
    watched = Watched(seen, at_least(100))
    watched.look(60, request_bytes=30, request_ms_ago=5, reply_ms_ago=5050)
    watched.look(170, request_ms_ago=115)
    watched.look(
        180, request_bytes=50, reply_bytes=40, reply_segments=2, request_ms_ago=4, reply_ms_ago=4
    )
    assert seen.counts() == (1, 1)


def test_one_segment_answers_what_was_open_so_the_question_in_its_tick_is_open_for_certain() -> (
    None
):
    seen = Exchanges()
    watched = Watched(seen, at_least(100))
    watched.look(60, request_bytes=30, request_ms_ago=5, reply_ms_ago=5050)
    watched.look(
        300,
        request_bytes=50,
        reply_bytes=40,
        reply_segments=2,
        request_ms_ago=140,
        reply_ms_ago=140,
    )
    watched.look(
        500,
        request_bytes=70,
        reply_bytes=60,
        reply_segments=3,
        request_ms_ago=230,
        reply_ms_ago=230,
    )
    watched.look(510, request_ms_ago=240, reply_ms_ago=240)
    assert seen.counts() == (2, 2), "answers at 160 and 270 to questions at 55 and 160"


def test_a_prompt_answer_is_seen_behind_one_segment_too() -> None:
    seen = Exchanges()
    watched = Watched(seen, at_least(100))
    watched.look(60, request_bytes=30, request_ms_ago=5, reply_ms_ago=5050)
    watched.look(
        100, request_bytes=50, reply_bytes=40, reply_segments=2, request_ms_ago=30, reply_ms_ago=30
    )
    assert seen.counts() == (1, 0), "asked at 55, answered at 70"


def test_an_answer_behind_a_goodbye_is_no_prompt_answer_to_it() -> None:
    seen = Exchanges()
    watched = Watched(seen, at_least(100))
    watched.look(60, request_bytes=30, request_ms_ago=5, reply_ms_ago=5050)
    watched.look(150, request_bytes=35, request_ms_ago=5)
    watched.look(170, reply_bytes=40, reply_segments=2, request_ms_ago=25, reply_ms_ago=2)
    assert seen.counts() == (0, 0), "it answers what was asked at 55, so it was not prompt"


def test_answers_and_questions_in_one_tick_that_may_not_belong_together_do_not_count() -> None:
    seen = Exchanges()
    watched = Watched(seen, at_least(100), replace(IDLE, request_ms_ago=3, reply_ms_ago=3))
    for n in range(1, 6):
        watched.look(
            n * 200,
            request_bytes=10 + n,
            reply_segments=1 + n,
            request_ms_ago=4,
            reply_ms_ago=4,
        )
    assert seen.counts() == (0, 0)


def test_under_a_fault_that_lets_no_answer_pass_they_count_but_for_the_first() -> None:
    seen = Exchanges()
    watched = Watched(seen, never, replace(IDLE, request_ms_ago=3, reply_ms_ago=3))
    for n in range(1, 6):
        watched.look(
            n * 200,
            request_bytes=10 + n,
            reply_segments=1 + n,
            request_ms_ago=4,
            reply_ms_ago=4,
        )
    assert seen.counts() == (4, 0)


def a_new_connection(*, is_greeted: bool, **seen: int) -> Exchanges:
    """One that came under a fault that lets no answer pass, as it was seen in one look, and 200 ms later."""
    exchanges = Exchanges()
    exchanges.begin(10_000 * MS, [], never)
    one = replace(IDLE, is_greeted=is_greeted, **seen)  # type: ignore[arg-type]
    exchanges.see(10_100 * MS, [one])
    later = replace(
        one, request_ms_ago=one.request_ms_ago + 200, reply_ms_ago=one.reply_ms_ago + 200
    )
    exchanges.see(10_300 * MS, [later])
    return exchanges


def test_a_greeting_is_no_answer_to_the_question_in_its_tick() -> None:
    greeted = a_new_connection(is_greeted=True, request_ms_ago=5, reply_ms_ago=5)
    assert greeted.counts() == (0, 0)
    asked = a_new_connection(is_greeted=False, request_ms_ago=5, reply_ms_ago=5)
    assert asked.counts() == (1, 0), "who does not speak first has answered"


@pytest.mark.parametrize("reply_ms_ago", [4, 5])
def test_what_comes_behind_a_greeting_is_an_answer(reply_ms_ago: int) -> None:
    seen = a_new_connection(
        is_greeted=True, reply_segments=2, request_ms_ago=5, reply_ms_ago=reply_ms_ago
    )
    assert seen.counts() == (1, 0)


def test_the_answer_to_a_question_from_before_does_not_count() -> None:
    seen = Exchanges()
    watched = Watched(seen, never, replace(IDLE, request_ms_ago=50, reply_ms_ago=900))
    watched.look(60, reply_bytes=40, reply_segments=2, request_ms_ago=110, reply_ms_ago=3)
    watched.look(100, request_bytes=30, request_ms_ago=2, reply_ms_ago=43)
    assert seen.counts() == (0, 0)


def test_a_new_beginning_forgets_the_question_that_is_open() -> None:
    seen = Exchanges()
    watched = Watched(seen, at_least(100))
    watched.look(60, request_bytes=30, request_ms_ago=5, reply_ms_ago=5050)
    seen.begin((watched.now_ms + 70) * MS, [replace(watched.seen, request_ms_ago=15)], never)
    watched.look(160, reply_bytes=40, reply_segments=2, request_ms_ago=105, reply_ms_ago=2)
    assert seen.counts() == (0, 0)


def test_pieces_and_pace_are_judged_by_size() -> None:
    assert in_pieces_of(100)(exchange(reply_segments=5)) is True
    assert in_pieces_of(100)(exchange(reply_segments=4)) is False
    assert in_pieces_of(500)(exchange()) is None
    assert slower_than(5)(exchange()) is True
    assert slower_than(5)(exchange(last_ms=35)) is True, "the chunk before may have been late"
    assert slower_than(5)(exchange(last_ms=25)) is False
    assert slower_than(50)(exchange()) is None
    assert at_least(29)(exchange()) is None


def test_a_left_connection_that_is_kept_long_enough_counts() -> None:
    seen = Exchanges(closes_after_ms=100)
    watched = Watched(seen)
    watched.look(50, is_open=False, is_left=True)
    watched.look(120)
    assert seen.counts() == (0, 0), "it has not had its time"
    watched.look(160, request_bytes=11)
    assert seen.counts() == (1, 1)


def test_a_left_connection_that_is_gone_too_soon_counts_against() -> None:
    seen = Exchanges(closes_after_ms=100)
    watched = Watched(seen)
    watched.look(50, is_open=False, is_left=True)
    seen.see((watched.now_ms + 90) * MS, [])
    assert seen.counts() == (1, 0)


def test_a_connection_that_ends_after_exactly_the_bytes_is_cut() -> None:
    for size, cut in ((40, 1), (39, 0), (0, 0)):
        seen = Exchanges(cut_after=(Stream.REPLIES, size))
        watched = Watched(seen)
        watched.look(50, reply_bytes=20 + 40)
        assert seen.cut == 0, "it is still open"
        watched.look(60, is_open=False)
        assert seen.cut == cut


def test_after_no_byte_at_all_no_one_can_tell_who_closed() -> None:
    seen = Exchanges(cut_after=(Stream.REPLIES, 0))
    watched = Watched(seen)
    watched.look(60, is_open=False)
    assert seen.cut == 0


def test_a_cut_of_requests_counts_requests_and_a_connection_that_is_gone() -> None:
    seen = Exchanges(cut_after=(Stream.REQUESTS, 40))
    watched = Watched(seen)
    watched.look(50, request_bytes=10 + 40)
    seen.see(11_000 * MS, [])
    assert seen.cut == 1


def test_only_open_connections_that_carried_something_lately_are_in_use() -> None:
    recent = replace(IDLE, reply_ms_ago=900)
    assert in_use([recent], within_ms=1000) == {"a"}
    assert in_use([IDLE], within_ms=1000) == set()
    assert in_use([replace(recent, is_open=False)], within_ms=1000) == set()
    unused = replace(recent, request_bytes=0, reply_bytes=0)
    assert in_use([unused], within_ms=1000) == set()


def test_a_connection_waits_whose_request_is_recent_and_came_after_its_last_reply() -> None:
    asked = replace(IDLE, request_ms_ago=40, reply_ms_ago=90)
    never_answered = replace(asked, reply_bytes=0)
    silent = replace(asked, request_bytes=0)
    answered = replace(IDLE, request_ms_ago=40, reply_ms_ago=39)
    same_tick = replace(IDLE, request_ms_ago=40, reply_ms_ago=40)
    long_ago = replace(IDLE, request_ms_ago=900, reply_ms_ago=990)
    assert waiting([asked, never_answered], within_ms=100) == 2
    assert waiting([IDLE, silent, answered, same_tick, long_ago], within_ms=100) == 0


def test_an_answer_that_may_have_taken_longer_than_was_seen_is_not_held_against_the_fault() -> None:
    assert at_least(100)(exchange(first_ms=50, unseen_ms=60)) is None
    assert at_least(100)(exchange(first_ms=50, unseen_ms=10)) is False
    assert at_least(100)(exchange(first_ms=100, unseen_ms=60)) is True
    assert slower_than(5)(exchange(last_ms=10, unseen_ms=60)) is None


def test_an_answer_that_ended_between_two_looks_far_apart_is_not_held_against_the_fault() -> None:
    seen = Exchanges()
    watched = Watched(seen, at_least(100))
    watched.look(60, request_bytes=30, request_ms_ago=5, reply_ms_ago=5050)
    # 200 ms later there were answers, and at once another question.
    watched.look(
        260,
        request_bytes=60, reply_bytes=40, reply_segments=3, request_ms_ago=80, reply_ms_ago=80,
    )  # fmt: skip
    assert seen.counts() == (0, 0)


@pytest.mark.parametrize(
    ("last_seen_ms", "gone_at_ms", "counts"),
    [
        (135, 145, (1, 1)),  # all of it but what two looks lose
        (60, 70, (1, 0)),
        (60, 200, (0, 0)),  # it may have been kept so long, or not
    ],
)
def test_a_left_connection_is_judged_by_the_looks_before_and_after(
    last_seen_ms: int, gone_at_ms: int, counts: tuple[int, int]
) -> None:
    seen = Exchanges(closes_after_ms=100)
    watched = Watched(seen)
    watched.look(40)
    watched.look(50, is_open=False, is_left=True)
    watched.look(last_seen_ms)
    watched.look(gone_at_ms, is_left=False)
    assert seen.counts() == counts


def test_doubtful_answers_are_no_closings() -> None:
    seen = Exchanges(closes_after_ms=100)
    watched = Watched(seen)
    for n in range(5):
        watched.look(
            50 + 200 * n,
            request_bytes=30 + n, reply_bytes=40 + n, reply_segments=2 + n, request_ms_ago=5, reply_ms_ago=5,
        )  # fmt: skip
    assert seen.counts() == (0, 0)
