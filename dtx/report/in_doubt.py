"""Branches in doubt, one line each: where, since when, what they hold, what the decision log says of them."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dtx.core.verdict import BranchesAt, BranchLine
from dtx.report import colours
from dtx.report.wording import clean, listed, seconds

_NO_LOG = "no [databases.NAME.observe] decisions in its system.toml: what the decision log says is not known"


def in_doubt_lines(
    worst: BranchesAt | None, end: BranchesAt | None, logs: Sequence[str]
) -> Iterator[RenderableType]:
    """Yield what was in doubt at the worst moment and at the end.

    Args:
        worst: None if no branch stayed in doubt for long.
        end: None if the run did not come to its end.
        logs: databases that were asked for decisions.
    """
    if worst is None:
        yield Text("no branch stayed in doubt for long")
    else:
        number = len(worst.branches)
        yield from _listed(
            f"most at once, at {seconds(worst.at_s)}: {_branches(number)}", worst, logs
        )
    if end is None:
        yield Text("the run did not come to its end: what was in doubt then is not known")
    elif end.branches:
        yield from _listed(f"at the end: {_branches(len(end.branches))}", end, logs)
    else:
        yield Text("at the end: none")
    if not logs:
        yield Text(_NO_LOG, style=colours.QUIET)


def _branches(number: int) -> str:
    return "1 branch" if number == 1 else f"{number:,} branches"


def _listed(heading: str, at: BranchesAt, logs: Sequence[str]) -> Iterator[RenderableType]:
    yield Text(heading, style=colours.HEADING)
    table = Table(box=None, show_edge=False, pad_edge=False, header_style=colours.QUIET)
    for name in ("database", "branch"):
        table.add_column(name, overflow="fold")
    for name in ("age", "rows"):
        table.add_column(name, justify="right", no_wrap=True)
    if logs:
        table.add_column(f"{clean(listed(logs))} says", overflow="fold")
    for branch in at.branches:
        table.add_row(*_cells(branch, has_log=bool(logs)))
    yield Padding(table, (0, 0, 0, 2))


def _cells(branch: BranchLine, *, has_log: bool) -> list[str]:
    rows = "?" if branch.rows is None else f"{branch.rows:,}"
    name = clean(branch.name)
    whose = name if branch.tx is not None else f"{name} (names no transaction of this run)"
    cells = [clean(branch.participant), whose, seconds(branch.age_s), rows]
    return [*cells, clean(branch.decision)] if has_log else cells
