"""What blocking cost is told in one sentence, with figures below; nothing is said where there is nothing to tell."""

import io

import msgspec
import pytest
from rich.console import Console

from dtx.core.verdict import BlockedDatabase, BlockingSummary, KeyAvailability
from dtx.report.blocking import blocking_lines, sentence

BLOCKING = BlockingSummary(
    at_least_s=0.5,
    branches=11,
    transactions=3,
    unresolved=0,
    longest_s=2.94,
    rows=34,
    waits=27,
    longest_wait_s=1.5,
    begin_s=1.0,
    end_s=5.0,
    causes={"tm was down": 2.1},
    databases=(
        BlockedDatabase(
            participant="payments-db", branches=8, median_s=2.0, p99_s=2.9, longest_s=2.94,
            rows=34, waits=27, longest_wait_s=1.5,
        ),
        BlockedDatabase(
            participant="orders-db", branches=3, median_s=2.0, p99_s=2.9, longest_s=2.9,
            rows=None, waits=0, longest_wait_s=0.0,
        ),
    ),
    unserved=KeyAvailability(submitted=42, ok=0, fail=0),
    touched=KeyAvailability(submitted=50, ok=6, fail=30),
    untouched=KeyAvailability(submitted=100, ok=96, fail=4),
)  # fmt: skip


def rendered(blocking: BlockingSummary | None, width: int = 80) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width)
    for part in blocking_lines(blocking):
        console.print(part, markup=False, highlight=False)
    return file.getvalue()


def changed(**changes: object) -> BlockingSummary:
    return msgspec.structs.replace(BLOCKING, **changes)


def test_the_whole_price_in_one_sentence() -> None:
    assert sentence(BLOCKING) == (
        "tm was down for 2.1 s: 11 branches of 3 transactions stayed in doubt for up to 2.9 s and held 34 rows; "
        "27 database transactions waited for these, up to 1.5 s. Done in time: 0 % of the transactions in the downtime, "
        "96 % of those whose rows were free meanwhile, 12 % of those that needed a held one."
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"causes": {}}, "11 branches of 3"),
        ({"branches": 1, "transactions": 1}, "1 branch of 1 transaction stayed"),
        ({"strangers": 11, "transactions": 0}, "11 branches naming no transaction of this run stayed"),
        ({"strangers": 2}, "9 branches of 3 transactions and 2 naming none of this run stayed"),
        ({"rows": None}, "up to 2.9 s;"),
        ({"unserved": None}, "Done in time: 96 % of the transactions whose rows were free meanwhile, 12 % of those"),
        ({"touched": None, "unserved": None}, "96 % of the transactions whose rows were free meanwhile."),
        ({"unresolved": 2}, "; 2 were in doubt to the end. Done"),
    ],
)  # fmt: skip
def test_only_what_is_known_is_said(changes: dict[str, object], words: str) -> None:
    assert words in sentence(changed(**changes))


def test_few_have_no_share() -> None:
    few = changed(
        unserved=KeyAvailability(submitted=1, ok=0, fail=0),
        untouched=KeyAvailability(submitted=12, ok=6, fail=0),
        touched=KeyAvailability(submitted=9, ok=9, fail=0),
    )
    assert sentence(few).endswith(
        "Done in time: 0 of 1 transaction in the downtime, 50 % of the transactions whose rows were free meanwhile, "
        "9 of 9 transactions that needed a held one."
    )
    rows = {line[:20].strip(): line.split() for line in rendered(few, 120).splitlines()}
    assert rows["a row was held"][4:] == ["9", "9", "9", "of", "9", "0", "0"]
    assert rows["rows were free"][3:] == ["12", "6", "50", "%", "0", "6"]


def test_nobody_waited_and_no_keys_leave_their_parts_out() -> None:
    text = rendered(changed(waits=0, unserved=None, touched=None, untouched=None))
    for words in ("waited for", "meanwhile", "in time", "downtime"):
        assert words not in text


def test_wait_that_was_seen_once_has_no_length() -> None:
    payments, orders = BLOCKING.databases
    once = msgspec.structs.replace(payments, longest_wait_s=0.0)
    [line] = [
        line
        for line in rendered(changed(databases=(once, orders))).splitlines()
        if line.startswith("  payments-db")
    ]
    assert line.split()[-3:] == ["27", "seen", "once"]
    [nobody] = [line for line in rendered(BLOCKING).splitlines() if line.startswith("  orders-db")]
    assert nobody.split()[-1] == "0"


def test_nothing_is_said_without_branches_in_doubt() -> None:
    assert rendered(None) == ""


@pytest.mark.parametrize("width", [80, 140])
def test_tables_fit_the_screen(width: int) -> None:
    text = rendered(BLOCKING, width)
    lines = [line.rstrip() for line in text.splitlines()]
    assert max(map(len, lines)) <= width
    assert [line.split() for line in lines if line.startswith("  payments-db")] == [
        ["payments-db", "8", "2", "s", "2.9", "s", "2.9", "s", "34", "27", "1.5", "s"]
    ]
    [held] = [line for line in lines if line.startswith("  a row was held")]
    assert held.split()[-5:] == ["6", "12", "%", "30", "14"]
