"""What blocking cost, from histories by hand: time in doubt, rows, waits, and for whom the system still worked."""

import pytest

from dtx.core.history import Outcome, ProcessChange
from dtx.core.observation import DecisionRow, PreparedRow
from dtx.core.schedule import Proof
from dtx.core.verdict import KeyAvailability
from dtx.verify.branches import most_at_once, transaction_of
from dtx.verify.in_doubt import branches_at_end, branches_at_worst
from tests.support.histories import INVENTORY, ORDERS, PAYMENTS, RunBuilder, wall


@pytest.fixture
def run() -> RunBuilder:
    """A run whose first transaction is in doubt from 1 s to 4 s at two databases."""
    built = RunBuilder(keys={INVENTORY: ("sku",)})
    built.commit("t000001", 0.9)
    built.in_doubt("t000001", PAYMENTS, 1.0, 4.0, rows=None)
    built.in_doubt("t000001", INVENTORY, 1.0, 3.0)
    return built


def test_a_run_without_branches_in_doubt_says_nothing() -> None:
    built = RunBuilder()
    built.commit("t000001")
    assert built.judge().blocking is None


def test_time_in_doubt_and_rows_of_each_database(run: RunBuilder) -> None:
    for number, until_s in enumerate((2.0, 2.5, 5.0), start=2):
        run.commit(f"t00000{number}", 0.9)
        run.in_doubt(f"t00000{number}", INVENTORY, 1.5, until_s, rows=2)
    blocking = run.judge().blocking
    assert blocking is not None
    assert (blocking.branches, blocking.transactions, blocking.unresolved) == (5, 4, 0)
    assert (blocking.longest_s, blocking.rows) == (3.5, 7)
    inventory, payments = blocking.databases
    assert (inventory.participant, inventory.branches, inventory.rows) == (INVENTORY, 4, 7)
    assert (inventory.median_s, inventory.p99_s, inventory.longest_s) == (1.0, 3.5, 3.5)
    assert (payments.participant, payments.branches, payments.rows) == (PAYMENTS, 1, None)


def test_who_waited_is_counted_once_each_with_the_longest_wait(run: RunBuilder) -> None:
    run.wait(INVENTORY, "7", 1.2, 2.7)
    run.wait(INVENTORY, "8", 2.0, 2.1)
    blocking = run.judge().blocking
    assert blocking is not None
    assert (blocking.waits, blocking.longest_wait_s) == (2, 1.5)
    assert [each.waits for each in blocking.databases] == [2, 0]


def test_touched_are_those_that_need_a_row_while_it_is_held(run: RunBuilder) -> None:
    run.submit("t000002", 1.5, sku="apple")  # waits longer than its client
    run.answer("t000002", Outcome.OK, 8.0)
    run.submit("t000003", 1.5, sku="apple")
    run.answer("t000003", Outcome.FAIL, 2.5)
    run.submit("t000004", 1.5, sku="pear")
    run.answer("t000004", Outcome.OK, 1.6)
    run.submit(
        "t000005", 3.2, sku="apple"
    )  # inventory has let go of apples, payments holds something
    run.answer("t000005", Outcome.OK, 3.3)
    run.submit("t000006", 5.0, sku="apple")  # all is over
    run.answer("t000006", Outcome.OK, 5.1)
    blocking = run.judge().blocking
    assert blocking is not None
    assert blocking.touched == KeyAvailability(submitted=2, ok=0, fail=1)
    assert blocking.untouched == KeyAvailability(submitted=2, ok=2, fail=0)


def test_while_something_is_down_it_matters_to_nobody_whose_rows_are_held(run: RunBuilder) -> None:
    run.process("tm", ProcessChange.KILLED, 1.4)
    run.process("tm", ProcessChange.READY, 2.0)
    for number, sku in ((2, "apple"), (3, "pear")):
        run.submit(f"t00000{number}", 1.5, sku=sku)
        run.answer(f"t00000{number}", Outcome.INFO, 1.6)
    run.submit("t000004", 2.5, sku="pear")
    run.answer("t000004", Outcome.OK, 2.6)
    blocking = run.judge().blocking
    assert blocking is not None
    assert blocking.unserved == KeyAvailability(submitted=2, ok=0, fail=0)
    assert blocking.touched is None
    assert blocking.untouched == KeyAvailability(submitted=1, ok=1, fail=0)


def test_without_keys_nobody_is_touched_or_not(run: RunBuilder) -> None:
    run.keys = {}
    run.commit("t000002", 1.5)
    blocking = run.judge().blocking
    assert blocking is not None
    assert blocking.touched is None
    assert blocking.untouched is None


def test_branch_to_the_end_is_unresolved_and_lasts_to_the_end(run: RunBuilder) -> None:
    run.in_doubt("t000001", ORDERS, 2.0, None)
    blocking = run.judge().blocking
    assert blocking is not None
    assert (blocking.unresolved, blocking.longest_s) == (1, 22.0)


def test_cause_is_what_was_down_meanwhile_and_nothing_else(run: RunBuilder) -> None:
    run.fault(Proof.SILENCE, 1.0, 4.0)
    for node, down_s, up_s in (("tm", 1.5, 3.6), ("late", 6.0, 7.0)):
        run.process(node, ProcessChange.KILLED, down_s)
        run.process(node, ProcessChange.READY, up_s)
    blocking = run.judge().blocking
    assert blocking is not None
    assert blocking.causes == {"tm was down": 2.1}


def test_cause_is_the_fault_where_nothing_was_down(run: RunBuilder) -> None:
    run.fault(Proof.SILENCE, 1.0, 4.0)
    blocking = run.judge().blocking
    assert blocking is not None
    assert blocking.causes == {"partition of orders->payments was on": 3.0}


@pytest.mark.parametrize(
    ("name", "tx"),
    [
        ("shop:t000001:ab12cd34:orders", "t000001"),
        ("order_t000001_pay", "t000001"),
        ("t000001", "t000001"),
        ("xt000001", None),
        ("t0000011", None),
        ("stranger", None),
    ],
)
def test_a_branch_belongs_to_the_transaction_that_is_a_word_in_its_name(
    name: str, tx: str | None
) -> None:
    assert transaction_of(name, {"t000001", "t000002"}) == tx


def test_most_at_once_counts_no_span_at_its_end() -> None:
    assert most_at_once([(0, 10, 1), (10, 20, 1), (15, 30, 5)]) == (15, 6)
    assert most_at_once([]) == (0, 0)


class TestTheDecisionLogSays:
    def at_worst(self, run: RunBuilder) -> list[tuple[str, float, str]]:
        worst = branches_at_worst(run.ledger())
        assert worst is not None
        assert worst.at_s == 2.0
        return [(line.participant, line.age_s, line.decision) for line in worst.branches]

    def decide(self, run: RunBuilder, at_s: float | None, subject: str = "t000001") -> None:
        at_ns = None if at_s is None else wall(at_s)
        run.decisions.append(
            DecisionRow(participant="log-db", subject=subject, decision="commit", at_ns=at_ns)
        )

    def test_nothing_where_it_knows_nothing(self, run: RunBuilder) -> None:
        self.decide(run, 2.0, "t000009")
        assert self.at_worst(run) == [(INVENTORY, 1.0, "nothing"), (PAYMENTS, 1.0, "nothing")]

    def test_what_it_said_then(self, run: RunBuilder) -> None:
        self.decide(run, 1.9)
        assert {line[2] for line in self.at_worst(run)} == {"commit"}

    def test_what_it_says_later_was_not_known_then(self, run: RunBuilder) -> None:
        self.decide(run, 3.7)
        assert {line[2] for line in self.at_worst(run)} == {"nothing; commit 1.7 s later"}

    def test_branches_may_be_decided_by_name_and_without_a_time(self, run: RunBuilder) -> None:
        self.decide(run, None, f"shop:t000001:{PAYMENTS}")
        assert [line[2] for line in self.at_worst(run)] == [
            "nothing",
            "commit (when is not known)",
        ]

    def test_at_the_end_also_those_count_that_were_not_there_for_long(
        self, run: RunBuilder
    ) -> None:
        run.in_doubt("t000001", ORDERS, 2.0, None)
        run.prepared = [
            PreparedRow(participant=ORDERS, gid=f"shop:t000001:{ORDERS}", since_ns=wall(2.0)),
            PreparedRow(participant=PAYMENTS, gid="X'00'", name="t000001,x", since_ns=wall(23.8)),
        ]
        end = branches_at_end(run.ledger())
        assert [(line.participant, line.name, line.tx, line.age_s) for line in end.branches] == [
            (ORDERS, f"shop:t000001:{ORDERS}", "t000001", 22.0),
            (PAYMENTS, "t000001,x", "t000001", 0.2),
        ]


def test_stranger_s_branch_is_counted_apart_from_those_of_transactions(run: RunBuilder) -> None:
    run.in_doubt("stranger", PAYMENTS, 1.0, None)
    blocking = run.judge().blocking
    assert blocking is not None
    assert (blocking.branches, blocking.transactions, blocking.strangers) == (3, 1, 1)
    assert blocking.unresolved == 1
