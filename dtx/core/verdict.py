"""What a run proved: the verdict, its findings with their evidence, and what the run really tried."""

from enum import StrEnum
from typing import assert_never

import msgspec

from dtx.core.exit_codes import ExitCode
from dtx.core.schedule import Omission


class Status(StrEnum):
    """The three answers; `unknown` is never green."""

    HOLDS = "holds"
    VIOLATED = "violated"
    UNKNOWN = "unknown"

    @property
    def exit_code(self) -> ExitCode:
        """What a process that judged one run answers."""
        match self:
            case Status.HOLDS:
                return ExitCode.HOLDS
            case Status.VIOLATED:
                return ExitCode.VIOLATED
            case Status.UNKNOWN:
                return ExitCode.UNKNOWN
            case _:
                assert_never(self)


class StoryLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a transaction's story: seconds since the main phase began, who, what."""

    at_s: float
    who: str
    what: str


class Suspect(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction to look at first where sums are broken, which accuse none: it is one of `touched` that touched `key`.

    `key` is "" for a scalar, which all touch that take part. `strange` are those of them that are not ok and whole in the
    end: they were refused, or are not present everywhere, or something was undone or is still open. `difference_at` is the database where the amount of
    `tx` itself is just what is wrong with the sum, "" if there is none.
    """

    tx: str
    key: str
    touched: int
    strange: tuple[str, ...] = ()
    difference_at: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One invariant broken by the transactions or keys in `subjects`.

    `claim` is the invariant in words, `evidence` the rows that prove it (one line each), for the first
    subject. `tx` is the first violating transaction, None where the invariant is over keys; then `suspect` is one to
    look at, if the system's file says who touched them.
    """

    checker: str
    claim: str
    summary: str
    subjects: tuple[str, ...]
    evidence: tuple[str, ...]
    tx: str | None = None
    suspect: Suspect | None = None


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one checker says: `judged` things were looked at; `reason` is why it is unknown or not claimed.

    `is_claimed` is False when the contract does not claim the invariant: then it is measured only. `tx` is a transaction whose
    story shows why it is unknown, or what is violated where no finding names one.
    """

    checker: str
    status: Status
    judged: int
    findings: tuple[Finding, ...] = ()
    reason: str = ""
    is_claimed: bool = True
    tx: str | None = None


class LatencySummary(msgspec.Struct, frozen=True, kw_only=True):
    """Latency from the intended start of completed operations in one part of the run, in ms."""

    count: int
    ok: int
    median_ms: float
    p99_ms: float
    max_ms: float


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Transactions that were under way when a fault was injected, and that had come equally far by then.

    `applied` are the steps that had taken effect, in order of time: "payments-db.debit", or "payments-db.debit undone"
    if that too was over. `ended` says how they ended for their clients, `committed` how many of them stand at all of
    their participants in the end.
    """

    applied: tuple[str, ...]
    transactions: int
    ended: dict[str, int] = {}
    committed: int = 0


class WindowCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """What one fault window met. `met` transactions were under way while it was on.

    `under_way` sorts those that were so when it was injected, or at `crashed_at_s` when a crash point was passed,
    by how far they had come; empty if the rows were not read. `crashed` says how the transactions ended for which a
    worker killed itself. `waiters` sessions waited for rows that the fault had locked.
    """

    window: int
    fault: str
    targets: tuple[str, ...]
    at_s: float
    until_s: float
    has_landed: bool
    reason: str
    met: int
    in_flight_at_injection: int
    held_bytes: int = 0
    dropped_bytes: int = 0
    connections: int = 0
    waiters: int = 0
    crashed_at_s: float | None = None
    crashed: dict[str, str] = {}
    met_by_outcome: dict[str, int] = {}
    under_way: tuple[Progress, ...] = ()


class ReaderSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What one reader saw: counts of reads, and of the transactions that they concern.

    `reads` were answered by all participants, `failed` were not (`errors`: words -> how many, the most frequent
    first), `skipped` were due while another was under way. Where `is_joined` is False, the answers do not say which
    transactions are in the values, or the rows were not read: then only sums are known. `unmarked` are the dirty
    reads in which no answer marked the transaction as not final. `low` and `high` are by how much wrong sums are
    off `total`, the least and the most.
    """

    reader: str
    reads: int
    failed: int = 0
    skipped: int = 0
    errors: dict[str, int] = {}
    is_joined: bool = True
    dirty: int = 0
    unmarked: int = 0
    dirty_transactions: int = 0
    fractured: int = 0
    fractured_transactions: int = 0
    went_back: int = 0
    went_back_transactions: int = 0
    total: int | None = None
    wrong_sums: int = 0
    low: int = 0
    high: int = 0


class BlockedDatabase(msgspec.Struct, frozen=True, kw_only=True):
    """Branches in doubt at one database; for the figures see BlockingSummary."""

    participant: str
    branches: int
    median_s: float
    p99_s: float
    longest_s: float
    rows: int | None
    waits: int
    longest_wait_s: float


class KeyAvailability(msgspec.Struct, frozen=True, kw_only=True):
    """How it went for a group of transactions: of those `submitted`, so many were `ok`, or refused, in time."""

    submitted: int
    ok: int
    fail: int


class BlockingSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What prepared branches cost that stayed in doubt for `at_least_s` or longer.

    `branches` of so many `transactions`, of which `unresolved` were in doubt to the end; `strangers` of the branches name no
    transaction that was submitted. The first and the last of them were in doubt from `begin_s` to `end_s` after the main phase began. They held at most `rows` at once (None: no server told), for
    which so many database transactions were seen to wait: `waits`. `causes` are the nodes that were down meanwhile, or the
    faults that were on, in words -> for how many seconds. Of the transactions of that time, `unserved` were under way
    while such a node was down; of the rest, `touched` needed a row which a branch in doubt held, and `untouched` did
    not. None where there were none; the latter two also where the file names no keys.
    """

    at_least_s: float
    branches: int
    transactions: int
    unresolved: int
    longest_s: float
    rows: int | None
    waits: int
    longest_wait_s: float
    begin_s: float
    end_s: float
    causes: dict[str, float]
    databases: tuple[BlockedDatabase, ...]
    unserved: KeyAvailability | None = None
    touched: KeyAvailability | None = None
    untouched: KeyAvailability | None = None
    strangers: int = 0


class BranchLine(msgspec.Struct, frozen=True, kw_only=True):
    """A branch in doubt at some moment: `decision` is what the decision log said of it, in words."""

    participant: str
    gid: str
    name: str
    tx: str | None
    age_s: float
    rows: int | None
    decision: str


class BranchesAt(msgspec.Struct, frozen=True, kw_only=True):
    """The branches in doubt `at_s` after the main phase began, by participant, the oldest first."""

    at_s: float
    branches: tuple[BranchLine, ...] = ()


class WaitedFor(msgspec.Struct, frozen=True, kw_only=True):
    """Transaction `waiter` waited in `database` for what `holder` held; `what` is that in the system's words."""

    waiter: str
    holder: str
    database: str
    what: str = ""


class Deadlock(msgspec.Struct, frozen=True, kw_only=True):
    """Transactions that waited for each other in a circle, all at once from `at_s` for `lasted_s` or longer.

    Of `waits`, in order, each one's holder is the next one's waiter. `ended` says how each transaction ended.
    `first_word` is what a worker said first of one of them afterwards: most likely what broke the circle.
    """

    at_s: float
    lasted_s: float
    is_broken: bool
    waits: tuple[WaitedFor, ...]
    ended: dict[str, str]
    first_word: StoryLine | None = None


class WaitingSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of transactions that waited for each other inside databases, in looks a few times a second.

    Of the `deadlocks`, `unseen_by_servers` went through several databases, and `unbroken` were there to the end.
    `transactions` were in them, `lost` of these did not commit. The first ones are `shown`.
    """

    waits: int = 0
    longest_s: float = 0.0
    deadlocks: int = 0
    unseen_by_servers: int = 0
    unbroken: int = 0
    longest_deadlock_s: float = 0.0
    transactions: int = 0
    lost: int = 0
    shown: tuple[Deadlock, ...] = ()


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Operations by outcome, and how unknown ones were closed from the participants' rows.

    `warm_up` of those submitted were so before the main phase. Of the unknown ones the system said, once all was quiet, that
    `told_ok` are ok and `told_fail` refused. `info_prepared` are present nowhere, and still prepared somewhere. `info_reasons` says why clients had no answer: words -> how many, the most frequent first, three at most.
    """

    submitted: int = 0
    ok: int = 0
    fail: int = 0
    info: int = 0
    info_committed: int = 0
    info_absent: int = 0
    info_partial: int = 0
    info_prepared: int = 0
    told_ok: int = 0
    told_fail: int = 0
    warm_up: int = 0
    compensated: int = 0
    info_reasons: dict[str, int] = {}


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The judgement of one run folder, as it stands in verdict.json.

    `omitted` are windows that had a chance and did not come: the verdict says nothing of them. `waiting` is None
    where no database says who waits. `foreign_share` is the part of the processors' time that other programs had, from the
    first fault or the begin of the wait for quiet to its end; None where it was not recorded. `stories` are of transactions that
    findings name, of their suspects where they name none, and of the shown deadlocks.
    """

    schema: int
    status: Status
    reasons: tuple[str, ...]
    checks: tuple[CheckResult, ...]
    counts: Counts
    coverage: tuple[WindowCoverage, ...]
    latency: dict[str, LatencySummary]
    converged_after_s: float | None
    omitted: tuple[Omission, ...] = ()
    readers: tuple[ReaderSummary, ...] = ()
    blocking: BlockingSummary | None = None
    waiting: WaitingSummary | None = None
    foreign_share: float | None = None
    stories: dict[str, tuple[StoryLine, ...]] = {}
    errors: tuple[str, ...] = ()

    @property
    def violated_checkers(self) -> tuple[str, ...]:
        """Names of the claimed checkers that convicted, sorted."""
        return tuple(
            sorted(c.checker for c in self.checks if c.status is Status.VIOLATED and c.is_claimed)
        )
