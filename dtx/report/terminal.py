"""The final report of one run, on one screen when it holds."""

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from dtx.core.history import STARVED_FROM
from dtx.core.run_folder import Plan
from dtx.core.verdict import Status, Verdict
from dtx.report import colours
from dtx.report.blocking import blocking_lines
from dtx.report.deadlocks import deadlock_lines
from dtx.report.declared import declared
from dtx.report.faults import fault_lines
from dtx.report.headline import headline, particulars
from dtx.report.readers import reader_lines
from dtx.report.tables import InvariantsInShort, invariants, latencies
from dtx.report.variant import variant_lines
from dtx.report.violation import story_table, violation
from dtx.report.wording import clean, command_line, count, seconds


def print_report(console: Console, plan: Plan, verdict: Verdict, folder: Path) -> None:
    """Print the report; what matters most stands first and last.

    Args:
        console: where.
        plan: what was done.
        verdict: what it proved.
        folder: the run folder, as the user may type it.
    """
    for part in report_parts(plan, verdict, folder):
        # Lines that must stay one, such as a command, are neither wrapped nor cropped.
        is_one_line = isinstance(part, Text) and part.no_wrap is True
        console.print(part, markup=False, highlight=False, soft_wrap=is_one_line)


def report_parts(plan: Plan, verdict: Verdict, folder: Path) -> Iterator[RenderableType]:
    """Yield the report from top to bottom."""
    yield headline(plan, verdict)
    yield from particulars(plan)
    if verdict.status is not Status.HOLDS:  # what holds has to fit one screen
        yield Text("")
        yield from violation(verdict) if verdict.status is Status.VIOLATED else _reasons(verdict)
        yield Text("")
    yield _heading("Faults")
    yield from fault_lines(verdict)
    yield _heading("Transactions")
    yield from _counts(verdict)
    yield from reader_lines(plan, verdict)
    yield from blocking_lines(verdict.blocking)
    yield from deadlock_lines(verdict)
    if verdict.status is Status.HOLDS:
        yield Text.assemble(("Invariants", colours.HEADING), ", all that are claimed hold")
        yield InvariantsInShort(verdict)
    else:
        yield _heading("Invariants")
        yield invariants(verdict)
    if verdict.latency:
        yield latencies(verdict)
    yield Text(f"  {_quiet(plan, verdict)}")
    yield from _starved(verdict)
    yield Text("")
    yield from variant_lines(plan, verdict)
    yield from footer(plan, verdict, folder)
    if verdict.status is not Status.HOLDS:
        # The first line has scrolled away by now.
        yield headline(plan, verdict)


def footer(plan: Plan, verdict: Verdict, folder: Path) -> Iterator[Text]:
    """Yield where the run is kept and the command that repeats it."""
    if verdict.errors:
        yield Text(
            f"{count(len(verdict.errors), 'checker')} raised; the tracebacks are in verdict.json",
            style=colours.UNSURE,
        )
    # Wrapped, the command would be two when it is copied.
    yield _one_line(("run folder  ", colours.QUIET), str(folder))
    yield _one_line(("repeat it   ", colours.QUIET), (command_line(plan.command), colours.COMMAND))


def _one_line(*parts: str | tuple[str, str]) -> Text:
    return Text.assemble(*parts, no_wrap=True)


def _heading(words: str) -> Text:
    return Text(words, style=colours.HEADING)


def _reasons(verdict: Verdict) -> Iterator[RenderableType]:
    yield _heading("Why this run proves nothing")
    for reason in verdict.reasons:
        yield Padding(Text(clean(reason), style=colours.of_status(Status.UNKNOWN)), (0, 0, 0, 2))
    for tx in [check.tx for check in verdict.checks if check.tx is not None]:
        yield Text("")
        yield _heading(f"The story of {clean(tx)}")
        yield story_table(verdict.stories.get(tx, ()))


def _counts(verdict: Verdict) -> Iterator[Padding]:
    counts = verdict.counts
    undone = f"; {counts.compensated:,} begun and undone again" if counts.compensated else ""
    warm_up = f", {counts.warm_up:,} of them in the warm-up" if counts.warm_up else ""
    yield _indented(
        f"{count(counts.submitted, 'transaction')} submitted{warm_up}: {counts.ok:,} ok, "
        f"{counts.fail:,} refused, {counts.info:,} unknown{undone}"
    )
    for words, number in counts.info_reasons.items():
        yield _indented(f"{number:,} unknown: {clean(words)}")
    others = counts.info - sum(counts.info_reasons.values())
    if counts.info_reasons and others > 0:
        yield _indented(f"{others:,} unknown for other reasons; `dtx show RUN --tx ID` tells each")
    if counts.told_ok or counts.told_fail:
        yield _indented(
            f"unknown, by what the system says when asked later: {counts.told_ok:,} ok, "
            f"{counts.told_fail:,} refused"
        )
    closed = counts.info_committed + counts.info_absent + counts.info_partial + counts.info_prepared
    if closed:
        partial = f", {counts.info_partial:,} partial" if counts.info_partial else ""
        prepared = f", {counts.info_prepared:,} still prepared" if counts.info_prepared else ""
        yield _indented(
            f"unknown, by the participants' rows: {counts.info_committed:,} committed, "
            f"{counts.info_absent:,} left no effect{partial}{prepared}"
        )
    elif counts.info:
        yield _indented("what became of the unknown ones was not read")


def _starved(verdict: Verdict) -> Iterator[Text]:
    """Yield a line if the machine was busy: then times tell less of the system."""
    share = verdict.foreign_share or 0.0
    if share >= STARVED_FROM:
        yield Text(
            f"  other programs had {share * 100:.0f} % of the processors' time: latencies and times are theirs too",
            style=colours.QUIET,
        )


def _indented(words: str) -> Padding:
    return Padding(Text(words), (0, 0, 0, 2))


def _quiet(plan: Plan, verdict: Verdict) -> str:
    limit_s = declared(plan, "contract", "converges_within_s")
    allowed = f" (the contract allows {limit_s:g} s)" if isinstance(limit_s, int | float) else ""
    since = "healing" if plan.schedule.windows else "the last answer"
    if verdict.converged_after_s is None:
        return f"not seen quiet after {since}{allowed}"
    return f"quiet {seconds(verdict.converged_after_s)} after {since}{allowed}"
