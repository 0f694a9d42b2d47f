"""The final report says what happened, and nobody can mistake its verdict."""

import io
import shlex
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from dtx.config.model import Isolation
from dtx.core.run_folder import Plan
from dtx.core.schedule import Omission
from dtx.core.verdict import (
    CheckResult,
    Deadlock,
    Finding,
    LatencySummary,
    Progress,
    ReaderSummary,
    Status,
    StoryLine,
    Suspect,
    Verdict,
    WaitedFor,
    WaitingSummary,
)
from dtx.report.terminal import print_report
from dtx.report.violation import standing
from tests.support.verdicts import (
    CHECKERS,
    GUILTY,
    NOT_LANDED,
    SUSPECT,
    make_broken_sums,
    make_holds,
    make_plan,
    make_unknown,
    make_violated,
    make_window,
)

FOLDER = Path(".dtx/runs/20260101T120000Z-saga-partition-7")


def rendered(
    verdict: Verdict, plan: Plan | None = None, *, width: int = 80, terminal: bool = False
) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=terminal, legacy_windows=False)
    print_report(console, plan or make_plan(), verdict, FOLDER)
    return file.getvalue()


def test_a_verdict_that_holds_says_so_and_fits_one_screen() -> None:
    text = rendered(make_holds())
    assert text.lstrip().startswith("HOLDS")
    assert "VIOLATED" not in text
    assert "UNKNOWN" not in text
    assert len(text.splitlines()) <= 30
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80


def test_a_violated_verdict_begins_and_ends_with_it_and_never_says_that_it_holds() -> None:
    lines = rendered(make_violated()).strip().splitlines()
    for line in (lines[0], lines[-1]):
        assert "VIOLATED" in line
        assert "atomicity, no-phantom" in line
    assert "HOLDS" not in "\n".join(lines)
    for line in (line for line in lines if line.split()[:1] in (["atomicity"], ["no-phantom"])):
        assert "holds" not in line


@pytest.mark.parametrize("status", [Status.HOLDS, Status.UNKNOWN])
def test_only_a_violated_verdict_says_violated(status: Status) -> None:
    text = rendered(make_holds() if status is Status.HOLDS else make_unknown())
    assert "VIOLATED" not in text
    assert status.value.upper() in text


def test_an_unknown_verdict_tells_its_reasons_before_all_else() -> None:
    text = rendered(make_unknown(), width=200)
    assert text.index(NOT_LANDED) < text.index("Faults")
    assert "proves nothing" in text
    assert "did not land" in text
    assert "HOLDS" not in text


def test_a_run_without_a_commit_tells_the_story_of_one_that_did_not() -> None:
    verdict = make_unknown()
    *others, vacuity = verdict.checks
    shown = msgspec.structs.replace(
        verdict,
        checks=(*others, msgspec.structs.replace(vacuity, tx=GUILTY)),
        stories={GUILTY: (StoryLine(at_s=1.0, who="tm", what="abort: not permitted"),)},
    )
    text = rendered(shown, width=120)
    assert text.index(NOT_LANDED) < text.index(f"The story of {GUILTY}") < text.index("Faults")
    assert "abort: not permitted" in text
    assert standing(shown, GUILTY) == "ended as most did"


def test_one_of_a_deadlock_is_called_that() -> None:
    wait = WaitedFor(waiter=GUILTY, holder="t000043", database="bank-a-db")
    deadlock = Deadlock(at_s=1.0, lasted_s=2.0, is_broken=True, waits=(wait,), ended={})
    verdict = make_holds(waiting=WaitingSummary(waits=2, deadlocks=1, shown=(deadlock,)))
    assert standing(verdict, GUILTY) == "in a deadlock"
    assert standing(verdict, "t000077") == "not claimed, so not convicted"


def test_a_violation_is_told_as_a_story_then_evidence_then_how_many() -> None:
    text = rendered(make_violated(), width=120)
    order = [
        f"The first violating transaction, {GUILTY}",
        "lose-reply begins on orders->payments",
        "submits t000042",
        "payments-db: debit applied, 600, at 2.618 s",
        "16 like it: t000050",
        "repeat it",
    ]
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    assert "2.611 s" in text


def test_of_several_violating_transactions_the_one_submitted_first_is_told() -> None:
    def guilty(tx: str, at_s: float) -> tuple[Finding, tuple[StoryLine, ...]]:
        finding = Finding(
            checker="durability", claim="c", summary=f"s {tx}", subjects=(tx,), evidence=(), tx=tx
        )
        return finding, (StoryLine(at_s=at_s, who="client", what=f"submits {tx}"),)

    later, later_story = guilty("t000001", 9.0)
    earlier, earlier_story = guilty("t000099", 1.0)
    checks = tuple(
        msgspec.structs.replace(check, status=Status.VIOLATED, findings=(later, earlier))
        if check.checker == "durability"
        else check
        for check in make_holds().checks
    )
    text = rendered(
        make_holds(
            status=Status.VIOLATED,
            checks=checks,
            stories={"t000001": later_story, "t000099": earlier_story},
        )
    )
    assert "The first violating transaction, t000099" in text


def test_a_violation_without_a_transaction_shows_its_evidence() -> None:
    finding = Finding(
        checker="conservation",
        claim="stock is conserved",
        summary="broken for apple, 1 of 10 keys",
        subjects=("apple",),
        evidence=("apple: inventory-db 9 instead of 10 (1 too little)",),
    )
    checks = tuple(
        msgspec.structs.replace(check, status=Status.VIOLATED, findings=(finding,))
        if check.checker == "conservation"
        else check
        for check in make_holds().checks
    )
    text = rendered(make_holds(status=Status.VIOLATED, checks=checks))
    assert "apple: inventory-db 9 instead of 10 (1 too little)" in text
    assert "VIOLATED" in text


def test_broken_sums_tell_the_story_of_a_suspect_and_accuse_nobody() -> None:
    text = rendered(make_broken_sums(), width=120)
    order = [
        "Sums are wrong, which accuses no transaction. One that touched ann, t000042",
        "submits t000042",
        "12 transactions touched ann; 2 did not end ok and whole: t000042, t000077.",
        "The amount of t000042 at payments-db is just the difference.",
        "ann: payments-db 600, orders-db 1200 (600 too little)",
        "repeat it",
    ]
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    assert "violating transaction" not in text


def test_of_several_suspects_the_one_that_stands_out_most_is_told_of() -> None:
    plain = Suspect(tx="t000001", key="", touched=510)
    text = rendered(make_broken_sums(plain, SUSPECT), width=120)
    assert "One that touched ann, t000042" in text
    assert "t000001" not in text


def test_where_a_transaction_is_accused_no_suspect_is_told_of() -> None:
    sums, guilty = make_broken_sums(), make_violated()
    checks = tuple(
        broken if broken.checker == "conservation" else check
        for broken, check in zip(sums.checks, guilty.checks, strict=True)
    )
    text = rendered(make_violated(checks=checks), width=120)
    assert f"The first violating transaction, {GUILTY}" in text
    assert "ann: payments-db 600, orders-db 1200 (600 too little)" in text
    assert "touched ann" not in text


def test_what_did_not_end_tells_the_story_of_the_one_under_way_longest() -> None:
    finding = Finding(
        checker="convergence",
        claim="all ends",
        summary="not quiet 22.5 s after healing: 12 clients wait for an answer",
        subjects=("12 clients wait for an answer",),
        evidence=("orders-db: prepared branches: 12",),
    )
    sums = make_broken_sums(Suspect(tx="t000001", key="", touched=510))
    checks = tuple(
        msgspec.structs.replace(check, status=Status.VIOLATED, findings=(finding,), tx=GUILTY)
        if check.checker == "convergence"
        else check
        for check in sums.checks
    )
    shown = msgspec.structs.replace(sums, checks=checks)
    text = rendered(shown, width=120)
    order = [
        f"Not everything ended. Of what did not, {GUILTY} is under way longest",
        "submits t000042",
        "orders-db: prepared branches: 12",
    ]
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    assert "t000001" not in text
    assert standing(shown, GUILTY) == "not accused, but under way longest"


def test_unknown_ones_that_are_still_prepared_are_told_of() -> None:
    counts = msgspec.structs.replace(make_holds().counts, info_absent=0, info_prepared=2)
    text = rendered(make_holds(counts=counts), width=120)
    assert "29 committed, 0 left no effect, 2 still prepared" in text


def test_suspects_that_ended_ok_are_told_to_have() -> None:
    plain = Suspect(tx=GUILTY, key="", touched=510)
    text = rendered(make_broken_sums(plain), width=120)
    assert f"One that took part, {GUILTY}" in text
    assert "510 transactions took part; all ended ok and whole." in text
    assert "difference" not in text


def test_the_report_says_what_was_tried_and_how_to_repeat_it() -> None:
    text = rendered(make_holds(), width=120)
    for expected in (
        "orders->payments",
        "6.2 kB held",
        "8 connections",
        "met 262 transactions, which ended 217 ok, 14 refused, 31 unknown",
        "3 under way when it began",
        "442 ok, 37 refused, 31 unknown",
        "29 committed, 2 left no effect",
        "21 begun and undone again",
        "seed 7",
        "runtime local",
        "before the fault",
        "quiet 1.3 s after healing (the contract allows 10 s)",
        str(FOLDER),
        "dtx run saga --fault partition --seed 7",
    ):
        assert expected in text
    for checker in CHECKERS:
        assert checker in text


def rows_of(text: str, first: str) -> list[list[str]]:
    """Return the words of each line from the one that begins so to the next that is less far in."""
    lines = text.splitlines()
    begin = next(i for i, line in enumerate(lines) if line.lstrip().startswith(first))
    depth = len(lines[begin]) - len(lines[begin].lstrip())
    rows = []
    for line in lines[begin:]:
        if len(line) - len(line.lstrip()) < depth:
            break
        rows.append(line.split())
    return rows


def test_the_report_has_a_table_of_how_far_transactions_were_when_the_fault_began() -> None:
    header, *rows = rows_of(rendered(make_holds(), width=120), "applied by then")
    assert header == [
        "applied",
        "by",
        "then",
        "transactions",
        "ok",
        "refused",
        "unknown",
        "stand",
        "in",
        "the",
        "end",
    ]
    assert rows == [
        ["nothing", "yet", "1", "1", "0", "0", "1"],
        ["payments-db.debit", "2", "0", "1", "1", "1"],
    ]


def test_at_a_crash_point_the_report_says_when_and_what_became_of_whom() -> None:
    window = make_window(
        fault="crash-at:after-prepare",
        crashed_at_s=2.507,
        crashed={GUILTY: "not committed, its client told nothing for certain"},
    )
    text = rendered(make_holds(coverage=(window,)), width=120)
    assert "3 under way at the crash, at 2.51 s" in text
    assert f"{GUILTY}: not committed, its client told nothing for certain" in text


def test_figures_that_differ_say_why() -> None:
    counts = msgspec.structs.replace(make_holds().counts, warm_up=10, told_ok=27, told_fail=3)
    whole = LatencySummary(count=500, ok=442, median_ms=8.2, p99_ms=21.4, max_ms=33.0)
    text = rendered(make_holds(counts=counts, latency={"all": whole}), width=120)
    assert "510 transactions submitted, 10 of them in the warm-up: 442 ok" in text
    assert "unknown, by what the system says when asked later: 27 ok, 3 refused" in text
    assert rows_of(text, "main phase")[0][:4] == ["main", "phase", "500", "442"]


@pytest.mark.parametrize("status", [Status.HOLDS, Status.UNKNOWN])
@pytest.mark.parametrize(
    ("is_claimed", "readers", "is_told"), [(False, 0, False), (True, 0, True), (False, 1, True)]
)
def test_isolation_without_readers_is_told_only_where_it_is_claimed(
    status: Status, is_claimed: bool, readers: int, is_told: bool
) -> None:
    verdict = make_holds() if status is Status.HOLDS else make_unknown()
    isolation = CheckResult(
        checker="isolation", status=Status.HOLDS, judged=0, is_claimed=is_claimed
    )
    shown = msgspec.structs.replace(
        verdict, checks=(*verdict.checks, isolation), readers=(AUDIT,) * readers
    )
    text = rendered(shown, width=120)
    assert ("  isolation " in text) is is_told


def test_sums_that_are_all_off_by_the_same_are_told_once() -> None:
    audit = msgspec.structs.replace(AUDIT, low=-170, high=-170)
    text = rendered(make_holds(readers=(audit,)), width=160)
    assert "off by -170" in text
    assert "-170 to" not in text


def test_reasons_that_are_not_told_are_counted() -> None:
    counts = msgspec.structs.replace(make_holds().counts, info_reasons={"HTTP 503": 18})
    text = rendered(make_holds(counts=counts), width=120)
    assert "18 unknown: HTTP 503" in text
    assert "13 unknown for other reasons" in text


def test_many_ways_and_many_windows_are_cut_short_and_add_up() -> None:
    ways = tuple(
        Progress(applied=(f"db-{n}.step",), transactions=n, ended={"ok": n}) for n in range(1, 13)
    )
    windows = tuple(make_window(window=n, under_way=ways) for n in range(5))
    text = rendered(make_holds(coverage=windows), width=120)
    assert text.count("applied by then") == 3
    assert text.count("78 under way when it began") == 5
    *_, last = rows_of(text, "applied by then")
    assert last == ["5", "other", "ways,", "in", "verdict.json", "50", "50", "0", "0", "0"]


AUDIT = ReaderSummary(
    reader="audit",
    reads=190,
    failed=10,
    skipped=3,
    errors={"left-db: HTTP 500": 9, "left-db: no answer": 1},
    dirty=20,
    unmarked=5,
    dirty_transactions=7,
    fractured=40,
    fractured_transactions=31,
    went_back=0,
    total=2000,
    wrong_sums=50,
    low=-18,
    high=4,
)


def test_the_report_says_what_readers_saw_and_what_it_means() -> None:
    text = rendered(make_holds(readers=(AUDIT,)), width=160)
    assert "audit: 190 reads of all participants, 10 failed, 3 left out" in text
    assert "9 failed: left-db: HTTP 500" in text
    assert rows_of(text, "dirty") == [
        ["dirty", "20", "10.0", "%", "7", "15", "marked", "as", "pending"],
        ["fractured", "40", "21.1", "%", "31"],
        ["went", "back", "0", "0.0", "%", "0"],
        ["wrong", "sums", "50", "26.3", "%", "of", "2,000,", "off", "by", "-18", "to", "+4"],
    ]
    assert (
        "20 of 200 reads held what was taken back later; 40 of 190 reads saw a transaction in one "
        "place only; 50 of 190 reads did not add up." in text
    )
    assert "The contract claims no isolation: this is measured, not judged." in text


@pytest.mark.parametrize("level", list(Isolation))
def test_the_report_says_which_of_it_is_judged(level: Isolation) -> None:
    plan = make_plan(system={"contract": {"isolation": level.value}})
    text = rendered(make_holds(readers=(AUDIT,)), plan, width=120)
    assert f"The contract claims {level.value if level != 'none' else 'no isolation'}:" in text


def test_clean_reads_failed_reads_and_sums_alone_are_told_as_such() -> None:
    clean = ReaderSummary(reader="audit", reads=9)
    assert "Every read saw each transaction wholly or not at all." in rendered(
        make_holds(readers=(clean,))
    )
    failed = ReaderSummary(reader="audit", reads=0, failed=2, errors={"a: HTTP 500": 2})
    text = rendered(make_holds(readers=(failed,)))
    assert "2 failed: a: HTTP 500" in text
    assert "anomaly" not in text
    sums = ReaderSummary(reader="audit", reads=9, is_joined=False, total=5)
    text = rendered(make_holds(readers=(sums,)))
    assert "Every sum was right; which transactions were in the values is not known." in text
    assert "fractured" not in text


def test_a_system_without_readers_has_no_part_about_them() -> None:
    assert "What readers saw" not in rendered(make_holds())


def test_the_command_can_be_pasted_into_a_shell() -> None:
    plan = make_plan(command=("dtx", "run", "saga", "--fault", "lose-reply@orders->payments"))
    assert "--fault 'lose-reply@orders->payments'" in rendered(make_holds(), plan, width=120)


def test_an_invariant_that_is_not_claimed_is_marked_so() -> None:
    checks = tuple(
        msgspec.structs.replace(check, is_claimed=False) for check in make_holds().checks
    )
    assert "not claimed" in rendered(make_holds(checks=checks))


def test_text_of_workers_cant_play_tricks_on_the_terminal() -> None:
    tricks = "\x1b[2J\x1b]0;x\x07[bold]not markup[/bold]"
    story = (StoryLine(at_s=1.0, who="orders", what=tricks),)
    text = rendered(make_violated(stories={GUILTY: story}), terminal=True, width=120)
    assert "\x1b[2J" not in text
    assert "\x07" not in text
    assert "[bold]not markup[/bold]" in text


def test_a_run_without_faults_says_none() -> None:
    plan = make_plan(schedule=msgspec.structs.replace(make_plan().schedule, windows=()))
    text = rendered(make_holds(coverage=()), plan)
    assert "without faults" in text
    assert "none" in text


def test_a_narrow_terminal_loses_no_words() -> None:
    text = " ".join(rendered(make_holds(coverage=(make_window(),)), width=60).split())
    assert "which ended 217 ok, 14 refused, 31 unknown" in text


@pytest.mark.parametrize("terminal", [False, True])
def test_the_command_is_one_line_on_a_narrow_terminal(terminal: bool) -> None:
    command = ("dtx", "run", "saga", "--fault", "lose-reply@orders->payments", "--seed", "7") * 2
    text = rendered(make_holds(), make_plan(command=command), width=60, terminal=terminal)
    assert shlex.join(command) in text
    assert str(FOLDER) in text


def test_a_single_violating_transaction_has_none_like_it() -> None:
    alone = tuple(
        msgspec.structs.replace(
            check,
            findings=tuple(msgspec.structs.replace(f, subjects=(GUILTY,)) for f in check.findings),
        )
        for check in make_violated().checks
    )
    assert "like it" not in rendered(make_violated(checks=alone))


def test_why_operations_are_unknown_is_told() -> None:
    reason = "HTTP 200, which [client] ok, fail and accepted do not name"
    counts = msgspec.structs.replace(make_holds().counts, info_reasons={reason: 20})
    assert f"20 unknown: {reason}" in rendered(make_holds(counts=counts))


def test_without_faults_quiet_is_counted_from_the_last_answer() -> None:
    plan = make_plan(schedule=msgspec.structs.replace(make_plan().schedule, windows=()))
    text = rendered(make_holds(coverage=()), plan)
    assert "quiet 1.3 s after the last answer" in text
    assert "healing" not in text


def test_busy_machine_is_told_also_where_all_holds() -> None:
    assert "other programs had 31 % of the processors' time" in rendered(
        make_holds(foreign_share=0.31)
    )
    assert "processors" not in rendered(make_holds(foreign_share=0.2))


NAMED = {"breaks": ["no-phantom", "atomicity"], "exposed_by": ["partition@orders->payments"]}


def _of_variant(fault: str) -> Plan:
    schedule = make_plan().schedule
    windows = schedule.windows if fault != "none" else ()
    return make_plan(
        variant="careless",
        system={"variants": {"careless": NAMED}},
        schedule=msgspec.structs.replace(schedule, text=fault, windows=windows),
    )


@pytest.mark.parametrize(
    ("fault", "verdict", "said"),
    [
        ("partition@orders->payments", make_violated(), "under partition@orders->payments: it was"),
        (
            "partition@orders->payments,at=1s",
            make_violated(),
            "under partition@orders->payments; this run had other times than that: it was all the same",
        ),
        ("partition@orders->payments,at=1s", make_holds(), "other times than that: it was not"),
        ("partition@orders->payments", make_holds(), "orders->payments: it was not"),
        (
            "partition@orders->payments",
            make_unknown(),
            "orders->payments: it was not; this run proves nothing",
        ),
        ("kill", make_holds(), "this run had another fault: it was not"),
        ("none", make_holds(), "variant careless must hold without a fault: it does"),
        (
            "none",
            make_violated(),
            "must hold without a fault: it does not, convicted by atomicity, no-phantom",
        ),
    ],
)
def test_a_variants_run_says_what_was_meant_and_what_came(
    fault: str, verdict: Verdict, said: str
) -> None:
    lines = rendered(verdict, _of_variant(fault), width=200).splitlines()
    [line] = [line for line in lines if line.startswith("variant careless")]
    assert line.endswith(said)


def test_the_same_times_in_other_words_are_no_other_times() -> None:
    named = {**NAMED, "exposed_by": ["slow:200ms@a->b,at=200ms,for=3s+kill@b,at=1s"]}
    written = "kill@b,at=1s+slow:200ms@a->b,for=3,at=0.2s"
    plan = msgspec.structs.replace(_of_variant(written), system={"variants": {"careless": named}})
    text = rendered(make_violated(), plan, width=200)
    assert "other times" not in text
    assert "for=3s+kill@b,at=1s: it was" in text


def test_a_window_that_did_not_come_is_told_though_the_verdict_holds() -> None:
    omission = Omission(fault="kill,p=0.5", at_s=2.5, until_s=7.5, chance=0.5)
    text = rendered(make_holds(omitted=(omission,)))
    assert "kill,p=0.5, from 2.5 s to 7.5 s: did not come, by chance (p=0.5)" in text
    assert "says nothing of it" in text


def test_a_run_without_any_of_its_faults_does_not_say_that_there_was_none_to_come() -> None:
    omission = Omission(fault="kill,p=0.5", at_s=2.5, until_s=7.5, chance=0.5)
    schedule = msgspec.structs.replace(make_plan().schedule, windows=(), omitted=(omission,))
    text = rendered(make_holds(coverage=(), omitted=(omission,)), make_plan(schedule=schedule))
    assert "without the faults that had a chance" in text
