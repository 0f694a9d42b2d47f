"""Builds runs by hand, for the judges' tests: a small order system, its history and its rows.

Times are seconds after the main phase began. A `RunBuilder` starts as a run that is quiet in time and without
faults; `commit`, `refuse` and `lose` add whole transactions that are right, the finer methods plant what is not.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dtx.config.model import (
    Client,
    Contract,
    Database,
    DatabaseKind,
    Expression,
    Invariant,
    Query,
    Reader,
    ReaderQuestion,
    Request,
    System,
    Template,
)
from dtx.core.history import (
    Accepted,
    Answer,
    BranchEnded,
    BranchInDoubt,
    Clock,
    Completed,
    FaultEvent,
    FaultPhase,
    FieldValue,
    HistoryEntry,
    Invoked,
    LinkEvidence,
    LockWait,
    NodeEvidence,
    Outcome,
    Phase,
    PhaseName,
    ProcessChange,
    ProcessEvent,
    ProcessorUse,
    QuietEvent,
    Read,
    Wait,
)
from dtx.core.observation import (
    DecisionRow,
    Effect,
    EffectRow,
    InvariantRow,
    OutcomeRow,
    PendingRow,
    PreparedRow,
    ResidueRow,
    Shape,
    Side,
)
from dtx.core.run_folder import SCHEMA, Observations, Plan
from dtx.core.schedule import Layer, Omission, Proof, Schedule, Window
from dtx.core.verdict import CheckResult, Verdict
from dtx.verify.judge import judge
from dtx.verify.ledger import Ledger, build_ledger

MAIN_NS = 5_000_000_000
WALL_AT_MAIN_NS = 1_700_000_000_000_000_000

ORDERS, PAYMENTS, INVENTORY = "orders-db", "payments-db", "inventory-db"
STEPS = {PAYMENTS: "debit", INVENTORY: "reserve", ORDERS: "confirm"}
"""Participant -> its step, in the order in which a transaction does them."""

MONEY = Invariant(
    name="money is conserved",
    left=(Query(database=PAYMENTS, sql="select sum(balance + captured) from accounts"),),
    right=1000,
    compare="=",
)
STOCK = Invariant(
    name="stock is conserved",
    left=(Query(database=INVENTORY, sql="select sku, stock + reserved from stock"),),
    right=(Query(database=INVENTORY, sql="select sku, initial from stock"),),
    compare="=",
)


def make_contract() -> Contract:
    """Return a contract that claims everything."""
    return Contract(
        is_atomic=True,
        is_durable=True,
        is_exactly_once=True,
        is_compensating=True,
        converges_within_s=10.0,
        invariants=(MONEY, STOCK),
    )


def make_client(participants: Mapping[str, Expression]) -> Client:
    """Return a client with the given participants."""
    url = Template(parts=("http://127.0.0.1/orders",))
    return Client(
        request=Request(method="POST", url=url, json={}),
        timeout_s=3.0,
        ok=(201,),
        fail=(409,),
        accepted=(202,),
        outcome=None,
        participants=participants,
        fields={},
    )


def _price(fields: Mapping[str, FieldValue]) -> int:
    return int(fields["price"]) * int(fields["quantity"])


PARTICIPANTS: Mapping[str, Expression] = {
    ORDERS: Expression("1", lambda _: 1),
    PAYMENTS: Expression("{price} * {quantity}", _price),
    INVENTORY: Expression("{quantity}", lambda fields: int(fields["quantity"])),
}


def make_system(
    contract: Contract,
    participants: Mapping[str, Expression] = PARTICIPANTS,
    readers: Mapping[str, Reader] | None = None,
    *,
    is_showing_waits: bool = False,
) -> System:
    """Return the order system: three databases, one participant each."""
    waits = {Shape.WAITS: "select"} if is_showing_waits else {}
    return System(
        name="shop",
        folder=Path(),
        title="Shop",
        databases={
            name: Database(
                name=name,
                kind=DatabaseKind.POSTGRES,
                schema=None,
                observe={Shape.EFFECTS: "select", **waits},
                residue={},
            )
            for name in STEPS
        },
        workers={},
        client=make_client(participants),
        contract=contract,
        links=(),
        variants={},
        workload=None,
        workloads={},
        options={},
        tables={},
        readers=readers or {},
    )


SUMS = "sums"
"""The name of the reader, unless a test names another."""


def make_reader(
    *participants: str, name: str = SUMS, total: int | None = None, has_seen: bool = True
) -> Reader:
    """Return a reader that asks the participants in turn."""
    request = Request(method="GET", url=Template(parts=("http://127.0.0.1/sum",)), json=None)
    return Reader(
        name=name,
        every_s=0.1,
        timeout_s=1.0,
        questions=tuple(
            ReaderQuestion(
                participant=participant,
                request=request,
                value="total",
                seen="seen" if has_seen else None,
                pending=None,
            )
            for participant in participants
        ),
        total=total,
    )


def make_plan(windows: Sequence[Window] = (), omitted: Sequence[Omission] = ()) -> Plan:
    """Return a plan with the given fault windows."""
    return Plan(
        schema=SCHEMA,
        run_id="r1",
        created="2026-01-01T00:00:00Z",
        command=("dtx", "run", "shop"),
        system_name="shop",
        variant=None,
        workload=None,
        options={},
        runtime="local",
        seed=7,
        rate=50.0,
        duration_s=10.0,
        schedule=Schedule(
            text="partition" if windows else "none",
            seed=7,
            duration_s=10.0,
            windows=tuple(windows),
            omitted=tuple(omitted),
        ),
        versions={},
        system={},
    )


def mono(at_s: float) -> int:
    """Return the monotonic time of a moment of the run."""
    return MAIN_NS + round(at_s * 1e9)


def wall(at_s: float) -> int:
    """Return the wall-clock time of a moment of the run."""
    return WALL_AT_MAIN_NS + round(at_s * 1e9)


HELD_LINK = LinkEvidence(link="orders->payments", connections=2, request_bytes=700, reply_bytes=0)
LOSSY_LINK = LinkEvidence(
    link="orders->payments",
    connections=2,
    request_bytes=700,
    reply_bytes=0,
    dropped_reply_bytes=300,
)
UNANSWERED_LINK = LinkEvidence(
    link="orders->payments",
    connections=2,
    request_bytes=700,
    reply_bytes=90,
    dropped_request_bytes=700,
)
CLOSED_LINK = LinkEvidence(
    link="orders->payments",
    connections=2,
    request_bytes=0,
    reply_bytes=0,
    dropped_reply_bytes=40,
    cut=2,
)
LATE_LINK = LinkEvidence(
    link="orders->payments",
    connections=2,
    request_bytes=700,
    reply_bytes=900,
    answered=9,
    touched=8,
)
LINK_EVIDENCE: Mapping[Proof, LinkEvidence] = {
    Proof.SILENCE: HELD_LINK,
    Proof.LOST_REPLY: LOSSY_LINK,
    Proof.UNANSWERED: UNANSWERED_LINK,
    Proof.LOST_REQUEST: UNANSWERED_LINK,
    Proof.REFUSED: CLOSED_LINK,
    Proof.RESET: CLOSED_LINK,
    Proof.CUT: CLOSED_LINK,
    Proof.LATE: LATE_LINK,
    Proof.PIECES: LATE_LINK,
    Proof.LATE_CLOSE: LATE_LINK,
}
KILLED_NODE = NodeEvidence(
    node="payments", processes=3, connections=2, silenced=2, restarted_after_s=1.5, forced=3
)
POWERLESS_NODE = NodeEvidence(
    node="payments", processes=3, connections=2, silenced=2, restarted_after_s=1.5, forced=3,
    durable_files=1, cut_bytes=80,
)  # fmt: skip
RESTARTED_NODE = NodeEvidence(
    node="payments", processes=3, connections=2, silenced=2, restarted_after_s=1.5
)
PAUSED_NODE = NodeEvidence(
    node="payments", processes=3, connections=2, silenced=2, held_bytes=70, resumed_after_s=2.0
)
LOCKED_NODE = NodeEvidence(node="payments-db", table="accounts", rows=20, waiters=3)
ENDED_SESSIONS = NodeEvidence(node="payments-db", connections=4, sessions=9, busy=2)
CRASHED_NODE = NodeEvidence(node="payments", is_crash_reached=True, tx="t0001")


@dataclass
class RunBuilder:
    """A run in the making; every list may be changed by a test."""

    contract: Contract = field(default_factory=make_contract)
    participants: Mapping[str, Expression] = field(default_factory=lambda: PARTICIPANTS)
    history: list[HistoryEntry] = field(default_factory=list)
    effects: list[EffectRow] = field(default_factory=list)
    pending: list[PendingRow] = field(default_factory=list)
    residue: list[ResidueRow] = field(default_factory=list)
    invariants: list[InvariantRow] = field(default_factory=list)
    outcomes: list[OutcomeRow] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    prepared: list[PreparedRow] = field(default_factory=list)
    decisions: list[DecisionRow] = field(default_factory=list)
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    logs: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    readers: dict[str, Reader] = field(default_factory=dict)
    last_seen: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    windows: list[Window] = field(default_factory=list)
    omitted: tuple[Omission, ...] = ()
    quiet: QuietEvent | None = field(
        default_factory=lambda: QuietEvent(at_ns=mono(12), is_quiet=True, waited_s=1.0)
    )
    is_observed: bool = True
    is_showing_waits: bool = False

    def __post_init__(self) -> None:
        self.residue.append(ResidueRow(participant=PAYMENTS, name="unsent", count=0))
        self.hold(MONEY.name, left={"": 1000}, right={"": 1000})
        self.hold(STOCK.name, left={"apple": 10}, right={"apple": 10})

    # -- whole transactions that are right

    def commit(self, tx: str, at_s: float = 1.0, *, outcome: Outcome = Outcome.OK) -> None:
        """A transaction that is present everywhere."""
        self.submit(tx, at_s)
        for index, participant in enumerate(STEPS):
            self.applied(tx, participant, at_s + 0.1 * (index + 1))
        self.answer(tx, outcome, at_s + 0.5)

    def refuse(self, tx: str, at_s: float = 1.0, *, outcome: Outcome = Outcome.FAIL) -> None:
        """A transaction that was begun, and compensated in reverse order."""
        self.submit(tx, at_s)
        self.applied(tx, PAYMENTS, at_s + 0.1)
        self.applied(tx, INVENTORY, at_s + 0.2)
        self.undone(tx, INVENTORY, at_s + 0.3)
        self.undone(tx, PAYMENTS, at_s + 0.4)
        self.answer(tx, outcome, at_s + 0.5)

    def lose(self, tx: str, at_s: float = 1.0) -> None:
        """A transaction that never arrived anywhere; its client does not know."""
        self.submit(tx, at_s)
        self.answer(tx, Outcome.INFO, at_s + 3.0, detail="no answer within 3 s")

    # -- single entries and rows

    def submit(
        self, tx: str, at_s: float, *, price: int = 40, quantity: int = 3, sku: str = "apple"
    ) -> None:
        """A client submits; it meant to 10 ms before."""
        self.history.append(
            Invoked(
                at_ns=mono(at_s),
                tx=tx,
                process=0,
                intended_ns=mono(at_s - 0.01),
                value={"sku": sku, "price": price, "quantity": quantity},
            )
        )

    def accept(self, tx: str, at_s: float) -> None:
        """The system answers "under way"."""
        self.history.append(Accepted(at_ns=mono(at_s), tx=tx, process=0, status=202))

    def answer(self, tx: str, outcome: Outcome, at_s: float, *, detail: str = "") -> None:
        """The operation ends for its client."""
        status = {Outcome.OK: 201, Outcome.FAIL: 409, Outcome.INFO: None}[outcome]
        self.history.append(
            Completed(
                at_ns=mono(at_s), tx=tx, process=0, outcome=outcome, status=status, detail=detail
            )
        )

    def applied(
        self,
        tx: str,
        participant: str,
        at_s: float | None,
        *,
        amount: int | None = None,
        step: str | None = None,
    ) -> None:
        """A step takes effect, by default the participant's with the expected amount."""
        self._effect(tx, participant, at_s, Effect.APPLIED, amount, step)

    def undone(
        self,
        tx: str,
        participant: str,
        at_s: float | None,
        *,
        amount: int | None = None,
        step: str | None = None,
    ) -> None:
        """A step is taken back."""
        self._effect(tx, participant, at_s, Effect.UNDONE, amount, step)

    def _effect(
        self,
        tx: str,
        participant: str,
        at_s: float | None,
        effect: Effect,
        amount: int | None,
        step: str | None,
    ) -> None:
        usual = {ORDERS: 1, PAYMENTS: 120, INVENTORY: 3}[participant]
        self.effects.append(
            EffectRow(
                participant=participant,
                tx=tx,
                step=STEPS[participant] if step is None else step,
                effect=effect,
                amount=usual if amount is None else amount,
                at_ns=None if at_s is None else wall(at_s),
            )
        )

    def forget(self, tx: str, participant: str | None = None) -> None:
        """Take the rows of a transaction away, at one participant or at all."""
        self.effects = [
            row
            for row in self.effects
            if row.tx != tx or (participant is not None and row.participant != participant)
        ]

    def leave_open(self, tx: str, participant: str = ORDERS) -> None:
        """The participant still has it open at the end, and the wait for quiet ended without quiet."""
        self.pending.append(PendingRow(participant=participant, tx=tx, since_ns=wall(1.0)))
        self.quiet = QuietEvent(
            at_ns=mono(22), is_quiet=False, waited_s=10.0, remaining=(f"{participant}: 1 pending",)
        )

    def hold(self, name: str, *, left: Mapping[str, int], right: Mapping[str, int]) -> None:
        """Set both sides of an invariant."""
        self.invariants = [row for row in self.invariants if row.name != name]
        for side, values in ((Side.LEFT, left), (Side.RIGHT, right)):
            self.invariants.extend(
                InvariantRow(name=name, side=side, key=key, value=value)
                for key, value in values.items()
            )

    def read(
        self,
        at_s: float,
        seen: Mapping[str, Collection[str]],
        *,
        values: Mapping[str, int] | None = None,
        pending: Collection[str] = (),
        name: str = SUMS,
        error: str = "",
        skipped: int = 0,
    ) -> None:
        """A reader asks the participants at one moment, later than its reads before; each lists what it has seen."""
        answers: list[Answer] = []
        for participant, names in seen.items():
            now = frozenset(names)
            last = self.last_seen.get((name, participant), frozenset())
            self.last_seen[name, participant] = now
            answers.append(
                Answer(
                    participant=participant,
                    asked_ns=mono(at_s),
                    answered_ns=mono(at_s),
                    value=(values or {}).get(participant, 0),
                    added=tuple(sorted(now - last)),
                    removed=tuple(sorted(last - now)),
                    pending=tuple(pending),
                )
            )
        self.history.append(
            Read(
                at_ns=mono(at_s),
                reader=name,
                began_ns=mono(at_s),
                answers=tuple(answers),
                skipped=skipped,
                error=error,
            )
        )

    def in_doubt(
        self,
        tx: str,
        participant: str,
        since_s: float,
        until_s: float | None,
        *,
        rows: int | None = 1,
    ) -> None:
        """A branch of the transaction stays in doubt; to the end if `until_s` is None."""
        gid = f"shop:{tx}:{participant}"
        self.history.append(
            BranchInDoubt(
                at_ns=mono(since_s + 0.5), participant=participant, gid=gid, name=gid,
                since_ns=mono(since_s), rows=rows,
            )
        )  # fmt: skip
        if until_s is not None:
            self.history.append(BranchEnded(at_ns=mono(until_s), participant=participant, gid=gid))

    def wait_for(
        self,
        waiter: str,
        holder: str,
        begin_s: float,
        end_s: float,
        *,
        database: str,
        what: str = "",
        is_over: bool = True,
    ) -> None:
        """A transaction waits for another one inside a database, from one moment to another."""
        self.is_showing_waits = True
        self.history.append(
            Wait(
                at_ns=mono(end_s), database=database, waiter=waiter, holder=holder, what=what,
                first_ns=mono(begin_s), last_ns=mono(end_s), is_over=is_over,
            )
        )  # fmt: skip

    def wait(self, participant: str, session: str, since_s: float, until_s: float) -> None:
        """A session waits for a branch in doubt."""
        self.history.append(
            LockWait(
                at_ns=mono(until_s),
                participant=participant,
                session=session,
                since_ns=mono(since_s),
            )
        )

    def process(self, node: str, change: ProcessChange, at_s: float, detail: str = "") -> None:
        """Something happens to a worker or a target."""
        self.history.append(ProcessEvent(at_ns=mono(at_s), node=node, change=change, detail=detail))

    def share(self, begin_s: float, end_s: float, foreign: float) -> None:
        """Other programs have a part of the two processors' time; of the rest the run has half."""
        had_s = 2 * (end_s - begin_s)
        self.history.append(
            ProcessorUse(
                at_ns=mono(end_s), since_ns=mono(begin_s), processors=2,
                foreign_s=foreign * had_s, own_s=(1 - foreign) * had_s / 2,
            )
        )  # fmt: skip

    def log(self, worker: str, at_s: float, line: str) -> None:
        """A worker writes a line."""
        self.logs.setdefault(worker, []).append((mono(at_s), line))

    def fault(
        self,
        proof: Proof,
        at_s: float = 2.0,
        until_s: float = 4.0,
        *,
        links: Sequence[LinkEvidence] = (),
        nodes: Sequence[NodeEvidence] = (),
        in_flight: int = 3,
        is_healed: bool = True,
        injection_error: str = "",
        healing_error: str = "",
        is_injected: bool = True,
        is_over: bool = True,
    ) -> None:
        """A fault window with the evidence given."""
        index = len(self.windows)
        targets = (
            tuple(e.link for e in links) or tuple(e.node for e in nodes) or ("orders->payments",)
        )
        name = {
            Proof.SILENCE: "partition",
            Proof.LOST_REPLY: "lose-reply",
            Proof.UNANSWERED: "stall-request",
            Proof.LOST_REQUEST: "lose-request",
            Proof.REFUSED: "refuse",
            Proof.RESET: "reset",
            Proof.CUT: "cut-at",
            Proof.LATE: "slow",
            Proof.PIECES: "fragment",
            Proof.LATE_CLOSE: "slow-close",
            Proof.DEATH: "kill",
            Proof.CRASH: "crash-at",
            Proof.POWER_LOSS: "power-loss",
            Proof.RESTART: "restart",
            Proof.PAUSE: "pause",
            Proof.SESSIONS: "terminate-backends",
            Proof.LOCKS: "lock",
        }[proof]
        self.windows.append(
            Window(
                index=index,
                fault=name,
                layer=Layer.NODE if nodes else Layer.LINK,
                proof=proof,
                targets=targets,
                at_s=at_s,
                until_s=until_s,
            )
        )
        injected = FaultEvent(
            at_ns=mono(at_s),
            window=index,
            phase=FaultPhase.INJECTED,
            fault=name,
            targets=targets,
            in_flight=in_flight,
            error=injection_error,
        )
        healed = FaultEvent(
            at_ns=mono(until_s),
            window=index,
            phase=FaultPhase.HEALED,
            fault=name,
            targets=targets,
            in_flight=in_flight,
            links=tuple(links),
            nodes=tuple(nodes),
            is_healed=is_healed,
            error=healing_error,
        )
        self.history.extend([injected] if is_injected else [])
        self.history.extend([healed] if is_over else [])

    def claim(self, **changes: object) -> None:
        """Change what the contract claims."""
        self.contract = replace(self.contract, **changes)  # type: ignore[arg-type]

    # -- the end

    def entries(self) -> tuple[HistoryEntry, ...]:
        """Return the whole history, in time order, with clock, phases and quiet."""
        frame: list[HistoryEntry] = [
            Clock(at_ns=mono(-2), wall_ns=wall(-2)),
            Phase(at_ns=mono(-2), name=PhaseName.WARM_UP),
            Phase(at_ns=mono(0), name=PhaseName.MAIN),
        ]
        if self.quiet is not None:
            frame.append(Phase(at_ns=mono(10), name=PhaseName.DRAIN))
            frame.append(Phase(at_ns=mono(11), name=PhaseName.RECOVERY))
            frame.append(self.quiet)
        if self.is_observed:
            frame.append(Phase(at_ns=mono(23), name=PhaseName.OBSERVE))
            frame.append(Phase(at_ns=mono(24), name=PhaseName.END))
        return tuple(sorted([*frame, *self.history], key=lambda entry: entry.at_ns))

    def observations(self) -> Observations | None:
        """Return the rows, None if the run did not come so far."""
        if not self.is_observed:
            return None
        return Observations(
            effects=tuple(self.effects),
            pending=tuple(self.pending),
            residue=tuple(self.residue),
            invariants=tuple(self.invariants),
            prepared=tuple(self.prepared),
            decisions=tuple(self.decisions),
            outcomes=tuple(self.outcomes),
            errors=tuple(self.errors),
        )

    def system(self) -> System:
        """Return the system that was run."""
        system = make_system(
            self.contract,
            self.participants,
            self.readers,
            is_showing_waits=self.is_showing_waits,
        )
        return replace(system, client=replace(system.client, keys=self.keys))

    def ledger(self) -> Ledger:
        """Join what was built."""
        return build_ledger(
            make_plan(self.windows, self.omitted),
            self.system(),
            self.entries(),
            self.observations(),
        )

    def judge(self) -> Verdict:
        """Judge what was built."""
        return judge(
            make_plan(self.windows, self.omitted),
            self.system(),
            self.entries(),
            self.observations(),
            self.logs,
        )


def check_of(verdict: Verdict, name: str) -> CheckResult:
    """Return what one checker said."""
    return next(check for check in verdict.checks if check.checker == name)
