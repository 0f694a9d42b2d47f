"""From a recorded run to its verdict: every checker, the premises they stand on, and what it all means."""

import gc
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import assert_never

from dtx.config.model import System
from dtx.core.history import HistoryEntry
from dtx.core.run_folder import SCHEMA, Observations, Plan
from dtx.core.verdict import CheckResult, Status, Verdict
from dtx.verify.blocking import measure_blocking
from dtx.verify.check import Checker, Premise
from dtx.verify.closure import count_operations
from dtx.verify.coverage import measure_coverage
from dtx.verify.deadlocks import find_circles, members, summarise_waiting
from dtx.verify.excuse import excuse_for_lateness
from dtx.verify.latency import summarise_latency
from dtx.verify.ledger import Ledger, build_ledger
from dtx.verify.reading import summarise_reads
from dtx.verify.registry import CHECKERS
from dtx.verify.story import Logs, tell_stories
from dtx.verify.words import count, listed

_NOT_CLAIMED = "the contract does not claim it; measured only"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checked:
    """A result, and the traceback if its checker raised."""

    result: CheckResult
    error: str = ""


@contextmanager
def _without_cyclic_collection() -> Iterator[None]:
    """Let only reference counts free memory: a ledger is millions of small objects and has no cycles.

    Going through them again and again took a quarter of the time of a large run, and grew faster than the run.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@_without_cyclic_collection()
def judge(
    plan: Plan,
    system: System,
    history: Sequence[HistoryEntry],
    observations: Observations | None,
    logs: Logs,
    *,
    checkers: Sequence[Checker] = CHECKERS,
) -> Verdict:
    """Judge one run; the same arguments give the same verdict, to the byte.

    Violated if a claimed checker convicts, whether or not the faults landed: evidence stands. Else unknown
    if anything could not be decided, else holds.

    Args:
        plan: what was to be done; its schedule names the fault windows.
        system: the system that `plan.system` describes; its contract and participants count.
        history: entries in the order in which they were recorded.
        observations: None if the run ended before they were read.
        logs: worker -> (monotonic ns, line), for the stories.
        checkers: which judge; all of them unless a test says otherwise.
    """
    ledger = build_ledger(plan, system, history, observations)
    unmet = {premise: reason for premise in Premise if (reason := _unmet(ledger, premise))}
    checked = [_run(checker, ledger, unmet) for checker in checkers]
    checks = tuple(each.result for each in checked)
    errors = tuple(each.error for each in checked if each.error)
    accusations = [
        f"{check.checker}: {finding.summary}"
        for check in checks
        if check.is_claimed and check.status is Status.VIOLATED
        for finding in check.findings
    ]
    doubts = [*ledger.malformed, *unmet.values(), *_undecided(checked, unmet)]
    timeline = ledger.timeline
    circles = find_circles(ledger.waits)
    stories = tell_stories(ledger, logs, _named(checks) | members(circles))
    return Verdict(
        schema=SCHEMA,
        status=_status(accusations, doubts),
        reasons=(*accusations, *doubts),
        checks=checks,
        counts=count_operations(ledger),
        coverage=measure_coverage(ledger),
        omitted=plan.schedule.omitted,
        latency=summarise_latency(ledger),
        converged_after_s=(
            timeline.quiet.waited_s if timeline.quiet and timeline.quiet.is_quiet else None
        ),
        readers=summarise_reads(ledger),
        blocking=measure_blocking(ledger),
        waiting=summarise_waiting(ledger, circles, stories, logs.keys()),
        foreign_share=round(timeline.foreign_share, 3) if timeline.processor_uses else None,
        stories=stories,
        errors=errors,
    )


def _named(checks: Sequence[CheckResult]) -> set[str]:
    """Return the transactions whose stories are asked for: the violating ones; if none is accused, suspects and examples."""
    violating = {f.tx for check in checks for f in check.findings if f.tx is not None}
    claimed = [finding for check in checks if check.is_claimed for finding in check.findings]
    if any(finding.tx is not None for finding in claimed):
        return violating
    suspects = {finding.suspect.tx for finding in claimed if finding.suspect is not None}
    return violating | suspects | {check.tx for check in checks if check.tx is not None}


def _status(accusations: Sequence[str], doubts: Sequence[str]) -> Status:
    if accusations:
        return Status.VIOLATED
    return Status.UNKNOWN if doubts else Status.HOLDS


def _run(checker: Checker, ledger: Ledger, unmet: dict[Premise, str]) -> _Checked:
    is_claimed = checker.is_claimed(ledger.contract)
    missing = next((unmet[premise] for premise in checker.premises if premise in unmet), "")
    if missing:
        return _Checked(result=_unknown(checker, missing, is_claimed=is_claimed))
    try:
        judgement = checker.judge(ledger)
    except Exception as error:  # a defect of one checker must not hide what the others found
        words = f"the checker raised {type(error).__name__}: {error}"
        return _Checked(
            result=_unknown(checker, words, is_claimed=is_claimed),
            error=f"{checker.name}:\n{_traceback(error)}",
        )
    if (
        Premise.OBSERVED in checker.premises
        and Premise.COMPLETE in unmet
        and not judgement.findings
    ):
        # What it found stands; that it found nothing is worth nothing where rows are missing.
        return _Checked(result=_unknown(checker, unmet[Premise.COMPLETE], is_claimed=is_claimed))
    status = Status.UNKNOWN if judgement.undecided else Status.HOLDS
    return _Checked(
        result=CheckResult(
            checker=checker.name,
            status=Status.VIOLATED if judgement.findings else status,
            judged=judgement.judged,
            findings=judgement.findings,
            reason=judgement.undecided or ("" if is_claimed else _NOT_CLAIMED),
            is_claimed=is_claimed,
            tx=judgement.tx,
        )
    )


def _unknown(checker: Checker, reason: str, *, is_claimed: bool) -> CheckResult:
    return CheckResult(
        checker=checker.name,
        status=Status.UNKNOWN,
        judged=0,
        reason=reason,
        is_claimed=is_claimed,
    )


def _undecided(checked: Sequence[_Checked], unmet: dict[Premise, str]) -> Iterator[str]:
    """Yield why checkers could not tell, but for the unmet premises, which are told once."""
    for each in checked:
        result = each.result
        counts = result.is_claimed or each.error
        if result.status is Status.UNKNOWN and counts and result.reason not in unmet.values():
            yield f"{result.checker}: {result.reason}"


def _unmet(ledger: Ledger, premise: Premise) -> str:
    """Return why a premise is not given, in words; empty if it is."""
    match premise:
        case Premise.OBSERVED:
            return "" if ledger.has_observations else _interrupted(ledger)
        case Premise.COMPLETE:
            errors = ledger.observations.errors
            return f"not all rows could be read: {listed(errors, at_most=3)}" if errors else ""
        case Premise.HEALED:
            left_on = [w.plan.name for w in ledger.timeline.windows if w.is_left_on]
            return f"nothing proves that it was healed: {listed(left_on)}" if left_on else ""
        case Premise.ENDED:
            return _cut_short(ledger)
        case _:
            assert_never(premise)


def _interrupted(ledger: Ledger) -> str:
    phase = ledger.timeline.last_phase
    where = f"in the {phase.value} phase" if phase else "before its first phase"
    submitted = len(ledger.operations)
    answered = sum(op.completed_ns is not None for op in ledger.operations.values())
    return (
        f"the run ended {where}, before its observations were read; "
        f"recorded: {count(submitted, 'transaction')} submitted, {answered} answered"
    )


def _cut_short(ledger: Ledger) -> str:
    quiet = ledger.timeline.quiet
    excuse = "" if quiet is None or quiet.is_quiet else excuse_for_lateness(ledger)
    return f"transactions were still under way when the run ended, but {excuse}" if excuse else ""


def _traceback(error: Exception) -> str:
    # File names without their folders: the same folder gives the same verdict on every machine.
    frames = traceback.extract_tb(error.__traceback__)
    lines = [
        f"  {PurePath(frame.filename).name}:{frame.lineno} in {frame.name}: {frame.line}"
        for frame in frames
    ]
    return "\n".join([*lines, f"{type(error).__name__}: {error}"])
