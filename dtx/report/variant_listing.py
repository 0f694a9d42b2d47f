"""The variants of systems as a table, or, where the terminal is too narrow for one, a few lines for each.

Names and faults stay whole, so that they can be copied; faults are quoted for a shell.
"""

import shlex
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

from dtx.report import colours
from dtx.report.tables import unwrapped_listing
from dtx.report.wording import clean

_COLUMNS = ("name", "workload", "bug", "breaks", "exposed by", "what it does")
_BELOW = "    "


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedVariant:
    """A variant as a row; `system` is empty where all are of one, `workload` where any will do."""

    name: str
    system: str = ""
    workload: str
    bug: str
    breaks: Sequence[str]
    exposed_by: Sequence[str]
    title: str


def variant_listing(variants: Sequence[ListedVariant], width: int) -> Iterator[Text]:
    """Yield lines to print without wrapping; of what `width` has no room for, only faults are longer."""
    table = list(_table(variants))
    if max(line.cell_len for line in table) <= width:
        yield from table
        return
    for variant in variants:
        yield from _block(variant, width)


def in_a_shell(faults: Sequence[str]) -> str:
    """Return the faults as they are written behind --fault."""
    return " or ".join(shlex.quote(clean(fault)) for fault in faults)


def _table(variants: Sequence[ListedVariant]) -> Iterator[Text]:
    system = ["system"] if any(v.system for v in variants) else []
    rows = [
        [
            *([v.system] if system else []),
            v.name, v.workload, v.bug, ", ".join(v.breaks), in_a_shell(v.exposed_by), v.title,
        ]
        for v in variants
    ]  # fmt: skip
    yield from unwrapped_listing([*system, *_COLUMNS], rows, gap=2)


def _block(variant: ListedVariant, width: int) -> Iterator[Text]:
    of = [variant.system, variant.workload and f"workload {variant.workload}", variant.bug]
    yield Text.assemble(
        (clean(variant.name), colours.HEADING),
        (f"  {clean(', '.join(filter(None, of)))}", colours.QUIET),
    )
    for words in (
        variant.title,
        f"breaks {', '.join(variant.breaks)}",
        f"exposed by {in_a_shell(variant.exposed_by)}",
    ):
        lines = textwrap.wrap(
            clean(words), width - 1, initial_indent="  ", subsequent_indent=_BELOW,
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
        yield from map(Text, lines)
