"""What happened in one run, in the order it was recorded: operations, faults, processes, phases.

Every entry is one line of `history.jsonl`. Times are `time.monotonic_ns()` of the machine that runs
dtx; the first entry, `Clock`, ties them to the wall clock of the databases.
"""

from enum import StrEnum

import msgspec

from dtx.core.moment import Ns

BLOCKED_AFTER_S = 0.5
"""A branch in doubt for so long holds others up. One that is there for a shorter time may never be seen."""

STARVED_FROM = 0.25
"""The part of the processors' time, taken by programs that are not the run's, from which on lateness proves nothing.

What needs the whole machine takes a third longer on the three quarters that are left: nobody who keeps the contract's
time with something in hand is late by that. And a desktop's usual bustle, a tenth or less, excuses nobody.
"""

FieldValue = str | int | float | bool


class Outcome(StrEnum):
    """How an operation ended for the client, in Jepsen's words."""

    OK = "ok"
    """Acknowledged: the transaction must be there at every participant."""
    FAIL = "fail"
    """Refused: no net effect once all is quiet."""
    INFO = "info"
    """Unknown: it may have happened."""


class PhaseName(StrEnum):
    """The parts of a run, in order."""

    WARM_UP = "warm-up"
    MAIN = "main"
    DRAIN = "drain"
    RECOVERY = "recovery"
    OBSERVE = "observe"
    END = "end"


class FaultPhase(StrEnum):
    """The moments of one fault window."""

    INJECTED = "injected"
    HEALED = "healed"


class ProcessChange(StrEnum):
    """What happened to a worker or a target."""

    STARTED = "started"
    READY = "ready"
    KILLED = "killed"
    DIED = "died"
    STOPPED = "stopped"
    PAUSED = "paused"
    RESUMED = "resumed"


class Entry(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """One line of the history."""

    at_ns: Ns


class Clock(Entry, frozen=True, kw_only=True, tag="clock"):
    """Ties the monotonic clock to the wall clock: at `at_ns` the wall clock said `wall_ns`.

    The first entry of a history, and its last but one: a wall clock that was set meanwhile shows.
    """

    wall_ns: Ns


class Phase(Entry, frozen=True, kw_only=True, tag="phase"):
    """A part of the run begins."""

    name: PhaseName


class Invoked(Entry, frozen=True, kw_only=True, tag="invoke"):
    """A client submits transaction `tx`; `intended_ns` is when the open loop meant to start it."""

    tx: str
    process: int
    intended_ns: Ns
    value: dict[str, FieldValue]


class Accepted(Entry, frozen=True, kw_only=True, tag="accepted"):
    """The system answered "under way"; the client goes on asking for the outcome."""

    tx: str
    process: int
    status: int


class Completed(Entry, frozen=True, kw_only=True, tag="complete"):
    """The operation on `tx` ended for its client; `detail` is the answer or the error in words."""

    tx: str
    process: int
    outcome: Outcome
    status: int | None = None
    detail: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one participant said in a read: its value at some moment from `asked_ns` to `answered_ns`.

    `added` and `removed` are the difference between the transactions that it says are in the value and those of
    the last answer that this reader recorded of it, so that a history does not grow with its square. `pending`
    are all those that it marks as not final.
    """

    participant: str
    asked_ns: int
    answered_ns: int
    value: int
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()


class Read(Entry, frozen=True, kw_only=True, tag="read", omit_defaults=True):
    """Reader `reader` ended a read at `at_ns`: every participant asked in turn, or all up to an error.

    `error` says in words why the next one gave no answer. `skipped` reads were due since the reader's last one,
    while that was under way, and were never begun.
    """

    reader: str
    began_ns: int
    answers: tuple[Answer, ...] = ()
    skipped: int = 0
    error: str = ""


class LinkEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """What the kernel counted on one link while a fault was on.

    Bytes are payload bytes at the source's side of the proxy: `request_bytes` came from the source,
    `reply_bytes` went back to it. `connections` were open at injection. `dropped_*` are bytes that the
    proxy took in and never passed on, by its own metrics, read after healing. `waiting` connections had sent a
    request just before the count began, and had no answer to it by then: a small pool may be full of them at once.

    The rest is followed connection by connection, where the fault's proof needs it. `answered`: requests that
    came after injection and whose answer was seen and could be measured; `touched` of these answers show the
    fault. For closings, the same of connections that the source closed. `cut` connections ended by the fault;
    `left` were open at the last look before healing.
    """

    link: str
    connections: int
    request_bytes: int
    reply_bytes: int
    dropped_request_bytes: int = 0
    dropped_reply_bytes: int = 0
    answered: int = 0
    touched: int = 0
    cut: int = 0
    left: int = 0
    waiting: int = 0


class NodeEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """What a fault did to a worker or a target.

    `processes` were killed or stopped; `connections` of its links were open just before and
    `silenced` of them were gone or silent just after, or for all of a pause. `forced` of the processes had to be
    killed: all of them in a kill, none in a clean stop. `held_bytes` were sent to a stopped node, and it said
    `resumed_bytes` soon after it went on. `tx` is the transaction at a crash point. `sessions` were ended by their
    database, `busy` of them in the midst of work. `rows` of `table` were locked, and `waiters` sessions were seen
    to wait for them. A loss of power took `cut_bytes` from `durable_files`; `unseen` says why what was synced is not
    known, and then nothing was cut.
    """

    node: str
    processes: int = 0
    connections: int = 0
    silenced: int = 0
    is_crash_reached: bool = False
    tx: str | None = None
    restarted_after_s: float | None = None
    forced: int = 0
    held_bytes: int = 0
    resumed_bytes: int = 0
    resumed_after_s: float | None = None
    sessions: int = 0
    busy: int = 0
    table: str | None = None
    rows: int = 0
    waiters: int = 0
    durable_files: int = 0
    cut_bytes: int = 0
    unseen: str = ""


class FaultEvent(Entry, frozen=True, kw_only=True, tag="fault"):
    """A fault window begins or has been healed.

    `window` is its index in the schedule, `targets` the links or nodes that it hurts. Evidence is complete
    in the `healed` event; `error` says why injecting or healing failed.
    """

    window: int
    phase: FaultPhase
    fault: str
    targets: tuple[str, ...]
    in_flight: int
    links: tuple[LinkEvidence, ...] = ()
    nodes: tuple[NodeEvidence, ...] = ()
    is_healed: bool = False
    error: str = ""


class ProcessEvent(Entry, frozen=True, kw_only=True, tag="process"):
    """A worker or target was started, became ready, was killed, stopped or paused by a fault, or died by itself.

    `at_ns` of a kill is when all of it was known to be dead; of a stop, when it was asked to end.
    """

    node: str
    change: ProcessChange
    detail: str = ""


class QuietEvent(Entry, frozen=True, kw_only=True, tag="quiet"):
    """The wait for quiet ended. `remaining` says what was still open, in words, when it is not quiet.

    For `unchanged_s` before that nothing had come nearer to its end; None in a history of before this was recorded.
    """

    is_quiet: bool
    waited_s: float
    remaining: tuple[str, ...] = ()
    unchanged_s: float | None = None


class ProcessorUse(Entry, frozen=True, kw_only=True, tag="processors"):
    """Who had the processors from `since_ns` to `at_ns`, in seconds of `processors` many.

    The harness, the workers and the servers of the run had them for `own_s`, all other programs, and on a virtual
    machine its neighbours, for `foreign_s`.
    """

    since_ns: Ns
    processors: int
    own_s: float
    foreign_s: float


class BranchInDoubt(Entry, frozen=True, kw_only=True, tag="in-doubt"):
    """A prepared branch was seen to be in doubt for BLOCKED_AFTER_S or longer, at `at_ns` for the first time.

    `gid` is as its server writes it, `name` as people read it. `rows` are those that it changed or locked and that
    others could wait for, None where the server does not tell.
    """

    participant: str
    gid: str
    name: str
    since_ns: Ns
    rows: int | None = None


class BranchEnded(Entry, frozen=True, kw_only=True, tag="branch-ended"):
    """At `at_ns` a branch that was in doubt was no longer there, for the first time."""

    participant: str
    gid: str


class LockWait(Entry, frozen=True, kw_only=True, tag="lock-wait"):
    """A database transaction waited for rows of branches in doubt, from `since_ns` to `at_ns`, also behind others.

    `session` tells it from others of the participant.
    """

    participant: str
    session: str
    since_ns: Ns


class Wait(Entry, frozen=True, kw_only=True, tag="wait", omit_defaults=True):
    """Transaction `waiter` was seen to wait inside `database` for what `holder` held.

    Every look from the one answered at `first_ns` to the one asked at `last_ns` showed it; they are equal if one did.
    `what` is what it waited for, in the system's words. `is_over` is False if it still waited when the looking ended.
    """

    database: str
    waiter: str
    holder: str
    first_ns: int
    last_ns: int
    what: str = ""
    is_over: bool = True


HistoryEntry = (
    Clock
    | Phase
    | Invoked
    | Accepted
    | Completed
    | Read
    | Wait
    | FaultEvent
    | ProcessEvent
    | QuietEvent
    | ProcessorUse
    | BranchInDoubt
    | BranchEnded
    | LockWait
)
