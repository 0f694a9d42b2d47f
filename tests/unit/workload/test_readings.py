"""What an answer to a reader means."""

import json

import pytest

from dtx.config.model import ReaderQuestion, Request, Template
from dtx.workload.readings import AnswerReader, UnreadableError


def question(
    value: str = "total", seen: str | None = "seen", pending: str | None = None
) -> ReaderQuestion:
    request = Request(method="GET", url=Template(parts=("http://a",)), json=None)
    return ReaderQuestion(
        participant="a-db", request=request, value=value, seen=seen, pending=pending
    )


def body(**document: object) -> bytes:
    return json.dumps(document).encode()


def test_seen_is_told_by_the_difference_to_the_last_answer() -> None:
    reader = AnswerReader(question())
    first = reader.read(200, body(total=3, seen=["t2", "t1"]))
    assert (first.added, first.removed) == (("t1", "t2"), ())
    second = reader.read(200, body(total=4, seen=["t2", "t3", "t3"]))
    assert (second.added, second.removed) == (("t3",), ("t1",))
    assert reader.read(200, body(total=4, seen=["t3", "t2"])).added == ()


def test_answer_that_can_not_be_used_leaves_the_last_one_in_place() -> None:
    reader = AnswerReader(question())
    reader.read(200, body(total=3, seen=["t1"]))
    for status, text in ((500, b"broken"), (200, b"{"), (200, body(total=1, seen=["t2", 5]))):
        with pytest.raises(UnreadableError):
            reader.read(status, text)
    assert reader.read(200, body(total=3, seen=["t1", "t2"])).added == ("t2",)


def test_object_of_whole_numbers_counts_as_its_sum() -> None:
    reader = AnswerReader(question(value="balances", seen=None))
    assert reader.read(200, body(balances={"ann": 5, "ben": -2})).value == 3
    assert reader.read(200, body(balances={})).value == 0


def test_pending_is_told_whole_each_time() -> None:
    reader = AnswerReader(question(pending="open"))
    for _ in range(2):
        assert reader.read(200, body(total=0, seen=[], open=["t2", "t1"])).pending == ("t1", "t2")


@pytest.mark.parametrize(
    ("status", "text", "words"),
    [
        (500, b"it broke", "HTTP 500: it broke"),
        (302, b"", "HTTP 302"),
        (200, b"no json", "no json"),
        (200, b"\xff", "malformed"),
        (200, body(total=2.5, seen=[]), "value gave 2.5, not a whole number"),
        (200, body(total=True, seen=[]), "value gave true, not a whole number"),
        (200, body(seen=[]), "value gave null, not a whole number"),
        (200, body(total={"a": "5"}, seen=[]), 'value gave "5", not a whole number'),
        (200, body(total=1), "seen gave null, not an array of transaction ids"),
        (200, body(total=1, seen="t1"), 'seen gave "t1", not an array'),
        (200, body(total=1, seen=[1]), "seen gave [1], not an array"),
    ],
)
def test_answer_that_is_not_what_the_file_says_is_told_in_words(
    status: int, text: bytes, words: str
) -> None:
    with pytest.raises(UnreadableError) as caught:
        AnswerReader(question()).read(status, text)
    assert words.lower() in str(caught.value).lower()


def test_expression_that_fails_on_an_answer_is_told_in_words() -> None:
    with pytest.raises(UnreadableError, match="sum"):
        AnswerReader(question(value="sum(total)")).read(200, body(total="a", seen=[]))
