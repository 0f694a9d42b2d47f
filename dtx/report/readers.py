"""What readers saw of unfinished transactions: how often, by how much, and what that means."""

from collections.abc import Iterator, Mapping
from typing import Final

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dtx.core.run_folder import Plan
from dtx.core.verdict import ReaderSummary, Verdict
from dtx.report import colours
from dtx.report.declared import declared
from dtx.report.tables import bare_table
from dtx.report.wording import clean, count

_JUDGED: Final[Mapping[str, str]] = {
    "none": "The contract claims no isolation: this is measured, not judged.",
    "semantic-lock": "The contract claims semantic-lock: dirty reads that are not marked are judged.",
    "read-committed": "The contract claims read-committed: dirty reads are judged.",
    "serializable": "The contract claims serializable: all of it is judged.",
}


def reader_lines(plan: Plan, verdict: Verdict) -> Iterator[RenderableType]:
    """Yield a table for each reader and what it means; nothing for a system without readers."""
    if not verdict.readers:
        return
    yield Text("What readers saw", style=colours.HEADING)
    for reader in verdict.readers:
        yield Text(f"  {_reads(reader)}")
        for error, number in reader.errors.items():
            yield Padding(Text(clean(f"{number:,} failed: {error}")), (0, 0, 0, 4))
        if reader.reads:
            yield _table(reader)
            yield Padding(Text(meaning(reader)), (0, 0, 0, 2))
    yield Padding(Text(_judged(plan)), (0, 0, 0, 2))


def in_short(reader: ReaderSummary) -> str:
    """Return one line of numbers, for programs that show no tables."""
    parts = [count(reader.reads, "read")]
    if reader.is_joined:
        parts += [
            f"{reader.dirty:,} dirty ({reader.unmarked:,} unmarked)",
            f"{reader.fractured:,} fractured",
            f"{reader.went_back:,} went back",
        ]
    if reader.total is not None:
        parts.append(f"{reader.wrong_sums:,} wrong sums{_range(reader)}")
    return ", ".join(parts)


def meaning(reader: ReaderSummary) -> str:
    """Return what the numbers mean, in a plain sentence."""
    said: list[str] = []
    if reader.dirty:
        marked = "" if reader.unmarked else ", each marked as not final"
        said.append(f"{_of(reader.dirty, _begun(reader))} held what was taken back later{marked}")
    if reader.fractured:
        said.append(f"{_of(reader.fractured, reader.reads)} saw a transaction in one place only")
    if reader.went_back:
        said.append(f"{_of(reader.went_back, _begun(reader))} missed what had been seen before")
    if reader.wrong_sums:
        said.append(f"{_of(reader.wrong_sums, reader.reads)} did not add up")
    if said:
        return f"{'; '.join(said)}."
    if not reader.is_joined:
        right = "every sum was right; " if reader.total is not None else ""
        return f"{right}which transactions were in the values is not known.".capitalize()
    return "Every read saw each transaction wholly or not at all."


def _of(number: int, reads: int) -> str:
    return f"{number:,} of {count(reads, 'read')}"


def _begun(reader: ReaderSummary) -> int:
    # A read that failed half-way may show what is dirty, but never what is fractured, and has no sum.
    return reader.reads + reader.failed


def _reads(reader: ReaderSummary) -> str:
    failed = f", {reader.failed:,} failed" if reader.failed else ""
    late = f", {reader.skipped:,} left out while one was under way" if reader.skipped else ""
    return (
        f"{clean(reader.reader)}: {count(reader.reads, 'read')} of all participants{failed}{late}"
    )


def _table(reader: ReaderSummary) -> Table:
    table = bare_table("  anomaly", "reads", "share", "transactions", "", right=(1, 2, 3))
    marked = f"{reader.dirty - reader.unmarked:,} marked as pending" if reader.dirty else ""
    rows = (
        ("dirty", reader.dirty, _begun(reader), reader.dirty_transactions, marked),
        ("fractured", reader.fractured, reader.reads, reader.fractured_transactions, ""),
        ("went back", reader.went_back, _begun(reader), reader.went_back_transactions, ""),
    )
    for name, reads, among, transactions, note in rows if reader.is_joined else ():
        table.add_row(
            f"    {name}",
            f"{reads:,}",
            _share(reads, among),
            f"{transactions:,}",
            Text(note, style=colours.QUIET),
        )
    if reader.total is not None:
        note = f"of {reader.total:,}{_range(reader)}"
        table.add_row(
            "    wrong sums",
            f"{reader.wrong_sums:,}",
            _share(reader.wrong_sums, reader.reads),
            "",
            Text(note, style=colours.QUIET),
        )
    return table


def _share(reads: int, among: int) -> str:
    return f"{100 * reads / among:.1f} %"


def _range(reader: ReaderSummary) -> str:
    if not reader.wrong_sums:
        return ""
    up_to = f" to {reader.high:+,}" if reader.high != reader.low else ""
    return f", off by {reader.low:+,}{up_to}"


def _judged(plan: Plan) -> str:
    level = declared(plan, "contract", "isolation") or "none"
    return _JUDGED.get(str(level), "")
