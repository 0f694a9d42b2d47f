"""Resource managers and a decision log in memory, with one journal of what happened in which order."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import psycopg

from dtx.patterns.twophase.decision_log import Record
from dtx.patterns.twophase.identity import BranchId, Xid
from dtx.patterns.twophase.lease import NotLeadingError
from dtx.patterns.twophase.resource import (
    Decision,
    DeniedError,
    Ending,
    NoteEnding,
    ResourceError,
    Settled,
    Vote,
    settle_in_stretches,
)

Journal = list[str]


@dataclass(eq=False)
class FakeResource:
    """`errors` maps an operation to what it raises, the next times it is called."""

    name: str
    journal: Journal
    prepared: dict[Xid, BranchId] = field(default_factory=dict)
    committed: set[str] = field(default_factory=set)
    errors: dict[str, list[Exception]] = field(default_factory=dict)

    def check(self, operation: str) -> None:
        if self.errors.get(operation):
            raise self.errors[operation].pop(0)

    async def open_for_work(self) -> None:
        self.journal.append(f"{self.name} opens for work")

    async def begin(self, xid: Xid, work: str, *, alone: bool = False) -> "FakeBranch":
        self.check("begin")
        del alone
        only_reads = work == f"reads {self.name}"
        return FakeBranch(self, BranchId(xid=xid, gid=f"{xid}:{self.name}"), only_reads)

    async def in_doubt(self, group: str) -> list[BranchId]:
        self.check("in_doubt")
        return [branch for xid, branch in self.prepared.items() if xid.group == group]

    async def settle(self, branch: BranchId, decision: Decision) -> Settled:
        self.check("settle")
        self.journal.append(f"{self.name} settles {decision}")
        was_prepared = self.prepared.pop(branch.xid, None) is not None
        if decision is Decision.ABORT:
            return Settled.DONE
        if was_prepared:
            self.committed.add(branch.xid.tx)
        return Settled.DONE if branch.xid.tx in self.committed else Settled.MISSING

    async def settle_all(self, endings: Sequence[Ending], note: NoteEnding) -> None:
        async def settle_stretch(stretch: Sequence[Ending]) -> list[Settled | ResourceError]:
            found: list[Settled | ResourceError] = []
            for branch, decision in stretch:
                try:
                    found.append(await self.settle(branch, decision))
                except ResourceError as error:
                    found.append(error)
                    if not isinstance(error, DeniedError):
                        break
            return found

        await settle_in_stretches(settle_stretch, endings, note)

    async def decided_alone(self, tx: str) -> Decision:
        self.check("decided_alone")
        decision = Decision.COMMIT if tx in self.committed else Decision.ABORT
        self.journal.append(f"{self.name} is asked, decided alone: {decision}")
        return decision

    async def have_marker(self, txs: Collection[str]) -> set[str]:
        self.check("have_marker")
        return self.committed & set(txs)

    def leave_prepared(self, xid: Xid) -> None:
        self.prepared[xid] = BranchId(xid=xid, gid=f"{xid}:{self.name}")


@dataclass(eq=False)
class FakeBranch:
    resource: FakeResource
    id: BranchId
    only_reads: bool

    async def prepare(self) -> Vote:
        self.resource.check("prepare")
        if self.only_reads:
            self.resource.journal.append(f"{self.resource.name} only read")
            return Vote.READ_ONLY
        self.resource.prepared[self.id.xid] = self.id
        self.resource.journal.append(f"{self.resource.name} prepared")
        return Vote.YES

    async def commit_alone(self) -> None:
        self.resource.check("commit_alone")
        self.resource.committed.add(self.id.xid.tx)
        self.resource.journal.append(f"{self.resource.name} commits alone")
        self.resource.check("answer_alone")

    async def commit(self) -> None:
        self.resource.check("commit")
        if await self.resource.settle(self.id, Decision.COMMIT) is Settled.MISSING:
            raise ResourceError("not prepared")

    async def roll_back(self) -> None:
        self.resource.check("roll_back")
        await self.resource.settle(self.id, Decision.ABORT)


@dataclass
class FakeLead:
    """Who leads in `epoch`, or does not."""

    epoch: int | None = 1

    async def leads(self) -> int:
        assert self.epoch is not None, "nobody waits for the lease here"
        return self.epoch


@dataclass(eq=False)
class FakeLog:
    """Fails `failures` times; `writes_anyway`: the row is there, its answer is lost. `epoch` is the lease's.

    `shown` are all that were ever stuck.
    """

    journal: Journal
    epoch: int = 1
    records: dict[str, Record] = field(default_factory=dict)
    forgotten: set[Xid] = field(default_factory=set)
    stuck: set[Xid] = field(default_factory=set)
    shown: set[Xid] = field(default_factory=set)
    failures: int = 0
    writes_anyway: bool = False

    async def decide(
        self, xid: Xid, decision: Decision, *, epoch: int, participants: tuple[str, ...] = ()
    ) -> Record:
        fails = self.failures > 0
        if epoch != self.epoch and xid.tx not in self.records:
            raise NotLeadingError("too late")
        if not fails or self.writes_anyway:
            asked = Record(xid=xid, decision=decision, participants=participants)
            record = self.records.setdefault(xid.tx, asked)
            self.journal.append(f"log has {record.of(xid)}")
        if fails:
            self.failures -= 1
            raise psycopg.OperationalError("no answer")
        return self.records[xid.tx]

    async def read(self, txs: Collection[str]) -> dict[str, Record]:
        return {tx: self.records[tx] for tx in txs if tx in self.records}

    async def unforgotten(self) -> list[Record]:
        return [
            record
            for record in self.records.values()
            if (record.decision is Decision.COMMIT and record.xid not in self.forgotten)
            or record.xid in self.stuck
        ]

    async def forget(self, xid: Xid) -> None:
        self.forgotten.add(xid)
        self.stuck.discard(xid)

    async def mark_stuck(self, xid: Xid) -> None:
        self.stuck.add(self.records[xid.tx].xid)
        self.shown |= self.stuck
