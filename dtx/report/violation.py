"""A violation told: the first violating transaction, or a suspect, as a story, then the evidence, then how many more."""

from collections.abc import Iterator, Mapping, Sequence

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dtx.core.verdict import CheckResult, Finding, Status, StoryLine, Suspect, Verdict
from dtx.report import colours
from dtx.report.wording import clean, count, listed

_WHO_STYLES: Mapping[str, str] = {
    "client": colours.BAR,
    "fault": colours.FAULT,
    "dtx": colours.QUIET,
}
_SHOWN_EVIDENCE = 8


def findings_of(verdict: Verdict) -> tuple[Finding, ...]:
    """Return the findings of the claimed checkers that convicted."""
    return tuple(
        finding
        for check in verdict.checks
        if check.is_claimed and check.status is Status.VIOLATED
        for finding in check.findings
    )


def first_transaction(verdict: Verdict) -> str | None:
    """Return the violating transaction that was submitted first; None if only keys or nodes violate."""
    named = [finding.tx for finding in findings_of(verdict) if finding.tx is not None]
    if not named:
        return None
    return min(named, key=lambda tx: (_begin_s(verdict.stories.get(tx, ())), tx))


def first_suspect(verdict: Verdict) -> Suspect | None:
    """Return whom to look at where no transaction is accused: of each finding's suspect the one that stands out most."""
    if first_transaction(verdict) is not None:
        return None
    suspects = [finding.suspect for finding in findings_of(verdict) if finding.suspect is not None]
    return max(suspects, key=lambda s: (s.tx in s.strange, bool(s.difference_at)), default=None)


def _stuck(verdict: Verdict) -> str | None:
    """Return the transaction that shows what is violated, where no finding names one."""
    return next((check.tx for check in verdict.checks if _is_example(check)), None)


def _is_example(check: CheckResult) -> bool:
    return check.is_claimed and check.status is Status.VIOLATED and check.tx is not None


def violation(verdict: Verdict) -> Iterator[Text | Padding | Table]:
    """Yield the parts of the section, from the story to the count of the like."""
    tx = first_transaction(verdict)
    findings = findings_of(verdict)
    suspect = first_suspect(verdict)
    stuck = _stuck(verdict) if tx is None else None
    if stuck is not None:
        words = f"Not everything ended. Of what did not, {stuck} is under way longest"
        yield Text(clean(words), style=colours.HEADING)
        yield story_table(verdict.stories.get(stuck, ()))
        yield Text("")
    elif suspect is not None:
        yield from _suspicion(suspect, verdict.stories.get(suspect.tx, ()))
        yield Text("")
    if tx is not None:
        yield Text(f"The first violating transaction, {clean(tx)}", style=colours.HEADING)
        yield story_table(verdict.stories.get(tx, ()))
        yield Text("")
    told = [f for f in findings if tx is None or f.tx == tx or tx in f.subjects]
    evidence: tuple[str, ...] = ()
    for finding in [*told, *(f for f in findings if f not in told)]:
        yield from _finding(finding, is_repeated=finding.evidence == evidence)
        evidence = finding.evidence


def standing(verdict: Verdict, tx: str) -> str:
    """Return what a transaction is to the verdict that tells its story."""
    findings = findings_of(verdict)
    if tx in {finding.tx for finding in findings}:
        return "convicted"
    for finding in findings:
        if finding.suspect is not None and finding.suspect.tx == tx:
            return f"not accused, but {_touched(finding.suspect)}, where the sum is wrong"
    checks = [check for check in verdict.checks if check.tx == tx]
    if any(_is_example(check) for check in checks):
        return "not accused, but under way longest"
    if checks:
        return "ended as most did"
    deadlocks = () if verdict.waiting is None else verdict.waiting.shown
    if any(tx == wait.waiter for deadlock in deadlocks for wait in deadlock.waits):
        return "in a deadlock"
    return "not claimed, so not convicted"


def _suspicion(suspect: Suspect, story: Sequence[StoryLine]) -> Iterator[Text | Padding | Table]:
    """Yield the story of a transaction that is not accused, and why it is worth a look."""
    words = (
        f"Sums are wrong, which accuses no transaction. One that {_touched(suspect)}, {suspect.tx}"
    )
    yield Text(clean(words), style=colours.HEADING)
    yield story_table(story)
    for why in _why(suspect):
        yield Padding(Text(clean(why)), (0, 0, 0, 2))


def _touched(suspect: Suspect) -> str:
    return f"touched {suspect.key}" if suspect.key else "took part"


def _why(suspect: Suspect) -> Iterator[str]:
    strange = suspect.strange
    how = (
        f"{len(strange):,} did not end ok and whole: {listed(strange)}"
        if strange
        else "all ended ok and whole"
    )
    yield f"{count(suspect.touched, 'transaction')} {_touched(suspect)}; {how}."
    if suspect.difference_at:
        yield f"The amount of {suspect.tx} at {suspect.difference_at} is just the difference."


def story_table(story: Sequence[StoryLine]) -> Table:
    """Return a story, one line for each event: seconds since the main phase began, who, what."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(justify="right", no_wrap=True, min_width=10, style=colours.QUIET)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for line in story:
        style = _WHO_STYLES.get(line.who, "")
        table.add_row(
            f"{line.at_s:.3f} s",
            Text(clean(line.who), style=style or "bold"),
            Text(clean(line.what), style=style if line.who != "client" else ""),
        )
    return table


def _begin_s(story: Sequence[StoryLine]) -> float:
    return min((line.at_s for line in story if line.who == "client"), default=float("inf"))


def _finding(finding: Finding, *, is_repeated: bool) -> Iterator[Text | Padding]:
    """Yield one conviction; evidence that was just shown is not shown again."""
    line = Text()
    line.append(finding.checker, style=colours.of_status(Status.VIOLATED))
    line.append(f"  {clean(finding.claim)}")
    yield Padding(line, (0, 0, 0, 2))
    yield Padding(Text(clean(finding.summary)), (0, 0, 0, 4))
    if not is_repeated and any(row not in finding.summary for row in finding.evidence):
        yield from _evidence(finding)
    like_it = _like_it(finding)
    if like_it:
        named = clean(listed(like_it, at_most=4))
        yield Padding(Text(f"{len(like_it):,} like it: {named}"), (0, 0, 0, 4))


def _like_it(finding: Finding) -> tuple[str, ...]:
    """Return the subjects that neither the summary nor the evidence has told."""
    if finding.tx is None:  # the evidence is of all keys or nodes
        return ()
    return tuple(subject for subject in finding.subjects if subject != finding.tx)


def _evidence(finding: Finding) -> Iterator[Padding]:
    for row in finding.evidence[:_SHOWN_EVIDENCE]:
        yield Padding(Text(clean(row), style=colours.QUIET), (0, 0, 0, 6))
    if len(finding.evidence) > _SHOWN_EVIDENCE:
        more = count(len(finding.evidence) - _SHOWN_EVIDENCE, "more row")
        yield Padding(Text(f"and {more} in verdict.json", style=colours.QUIET), (0, 0, 0, 6))
