"""What branches in doubt cost: one plain sentence, then figures for each database and for those who came meanwhile."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dtx.core.verdict import BlockedDatabase, BlockingSummary, KeyAvailability
from dtx.report import colours
from dtx.report.tables import bare_table
from dtx.report.wording import clean, count, listed, seconds

_FEW = 10
"""A share of fewer would say more than is known."""


def blocking_lines(blocking: BlockingSummary | None) -> Iterator[RenderableType]:
    """Yield the sentence and the tables; nothing if no branch stayed in doubt."""
    if blocking is None:
        return
    yield Text.assemble(
        ("What blocking cost", colours.HEADING),
        f", by branches in doubt for {seconds(blocking.at_least_s)} or longer",
    )
    yield Padding(Text(sentence(blocking)), (0, 0, 0, 2))
    yield _databases(blocking)
    if blocking.unserved or blocking.touched or blocking.untouched:
        yield _keys(blocking)
    yield Text("  `dtx show RUN --in-doubt` lists them", style=colours.QUIET)


def sentence(blocking: BlockingSummary) -> str:
    """Return what it cost in one sentence."""
    causes = [f"{clean(words)} for {seconds(time_s)}" for words, time_s in blocking.causes.items()]
    parts = [_stayed(blocking)]
    if blocking.waits:
        longest = f", up to {seconds(blocking.longest_wait_s)}" if blocking.longest_wait_s else ""
        parts.append(f"{count(blocking.waits, 'database transaction')} waited for these{longest}")
    if blocking.unresolved:
        parts.append(f"{blocking.unresolved:,} were in doubt to the end")
    text = "; ".join(parts)
    told = f"{listed(causes)}: {text}." if causes else f"{text[0].upper()}{text[1:]}."
    shares = [*_shares(blocking)]
    return f"{told} Done in time: {listed(shares)}." if shares else told


def _stayed(blocking: BlockingSummary) -> str:
    held = "" if blocking.rows is None else f" and held {count(blocking.rows, 'row')}"
    return f"{_who(blocking)} stayed in doubt for up to {seconds(blocking.longest_s)}{held}"


def _who(blocking: BlockingSummary) -> str:
    strangers = blocking.strangers
    if strangers == blocking.branches:
        return f"{_branches(strangers)} naming no transaction of this run"
    known = f"{_branches(blocking.branches - strangers)} of {count(blocking.transactions, 'transaction')}"
    return f"{known} and {strangers:,} naming none of this run" if strangers else known


def _branches(number: int) -> str:
    return "1 branch" if number == 1 else f"{number:,} branches"


def _shares(blocking: BlockingSummary) -> Iterator[str]:
    """Yield how each group fared; only the first says what they are."""
    whose = (
        (blocking.unserved, "in the downtime"),
        (blocking.untouched, "whose rows were free meanwhile"),
        (blocking.touched, "that needed a held one"),
    )
    noun = "the transactions"
    for group, words in whose:
        if group is not None:
            if group.submitted < _FEW:
                yield f"{group.ok} of {count(group.submitted, 'transaction')} {words}"
            else:
                yield f"{_share(group)} of {noun} {words}"
                noun = "those"


def _databases(blocking: BlockingSummary) -> Table:
    table = bare_table(
        "in doubt at", "branches", "median", "p99", "longest", "rows held", "waited", "longest wait",
        right=(1, 2, 3, 4, 5, 6, 7),
    )  # fmt: skip
    for each in blocking.databases:
        times = (each.median_s, each.p99_s, each.longest_s)
        table.add_row(
            f"  {clean(each.participant)}",
            f"{each.branches:,}",
            *(seconds(time_s) for time_s in times),
            "not known" if each.rows is None else f"{each.rows:,}",
            f"{each.waits:,}",
            _longest_wait(each),
        )
    return table


def _longest_wait(blocked: BlockedDatabase) -> str:
    """Return how long somebody waited, as far as it was seen: from the first look at it to the last."""
    if not blocked.waits:
        return ""
    return seconds(blocked.longest_wait_s) if blocked.longest_wait_s else "seen once"


def _keys(blocking: BlockingSummary) -> Table:
    table = bare_table(
        "others meanwhile", "submitted", "ok", "share", "refused", "late or unknown", right=(1, 2, 3, 4, 5)
    )  # fmt: skip
    for whose, group in (
        ("something was down", blocking.unserved),
        ("rows were free", blocking.untouched),
        ("a row was held", blocking.touched),
    ):
        if group is not None:
            rest = group.submitted - group.ok - group.fail
            table.add_row(
                f"  {whose}",
                f"{group.submitted:,}",
                f"{group.ok:,}",
                _share(group),
                f"{group.fail:,}",
                f"{rest:,}",
            )
    return table


def _share(group: KeyAvailability) -> str:
    if group.submitted < _FEW:
        return f"{group.ok} of {group.submitted}"
    return f"{100 * group.ok / group.submitted:.0f} %"
