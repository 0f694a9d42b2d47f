"""What every benchmark prints: a figure of several repetitions, beside a peer or a limit of the same run."""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

HEADINGS = ("what", "measured", "beside", "", "ratio", "goal", "met")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row: `values` and `peer_values` are pairs, taken in turn in the same run.

    Attributes:
        what: what was measured.
        values: one for each repetition, in `unit`.
        peer: what stands beside it: a limit, or another way to do the same.
        peer_values: as many as `values`; or one for all, a stated limit.
        goal: in words.
        is_met: whether the goal is met; None where there is none.
    """

    what: str
    values: Sequence[float]
    unit: str
    peer: str
    peer_values: Sequence[float]
    goal: str = ""
    is_met: bool | None = None

    @property
    def median(self) -> float:
        """The median of the values."""
        return statistics.median(self.values)

    @property
    def peer_median(self) -> float:
        """The median of the peer's."""
        return statistics.median(self.peer_values)

    @property
    def ratios(self) -> list[float]:
        """Each value by its own peer's: a machine whose speed drifts changes both."""
        peers = list(self.peer_values)
        if len(peers) == 1:
            peers *= len(self.values)
        return [value / peer for value, peer in zip(self.values, peers, strict=True)]

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return statistics.median(self.ratios)

    def cells(self) -> tuple[str, ...]:
        """The row."""
        met = {True: "yes", False: "no", None: ""}[self.is_met]
        return (
            self.what,
            _spread(self.values, self.unit),
            self.peer,
            _spread(self.peer_values, self.unit),
            _spread(self.ratios, "x"),
            self.goal,
            met,
        )


def judged(figure: Figure, is_met: bool) -> Figure:
    """Return the figure with the answer whether its goal is met."""
    return replace(figure, is_met=is_met)


def repeated(times: int, *measures: Callable[[], float]) -> list[list[float]]:
    """Return what each of the measures gave, taken in turn: A B A B ..., after one round that is not counted."""
    found: list[list[float]] = [[] for _ in measures]
    for repetition in range(times + 1):
        for values, measure in zip(found, measures, strict=True):
            value = measure()
            if repetition:
                values.append(value)
    return found


def seconds(action: Callable[[], object]) -> float:
    """Return how long the action took."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def machine() -> str:
    """Return the load that the machine has now: figures under other load are no figures."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"


def table(figures: Sequence[Figure], *, is_markdown: bool) -> str:
    """Return the figures as a table, plain or Markdown."""
    rows = [HEADINGS, *(figure.cells() for figure in figures)]
    if is_markdown:
        rows.insert(1, tuple("---" for _ in HEADINGS))
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def main(measure: Callable[[], Iterable[Figure]], about: str | None) -> None:
    """Measure, print the table; `--markdown` for rows of docs/measured.md, `--json FILE` to keep them."""
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    arguments = parser.parse_args()
    figures = []
    for figure in measure():
        print(
            f"   {figure.what}: {figure.cells()[1]}, {figure.ratio:.2f} x {figure.peer}", flush=True
        )
        figures.append(figure)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(figure) for figure in figures]))
    print(table(figures, is_markdown=arguments.markdown))


def _spread(values: Sequence[float], unit: str) -> str:
    median = _number(statistics.median(values))
    if len(values) == 1:
        return f"{median} {unit}"
    return f"{median} {unit} ({_number(min(values))}-{_number(max(values))})"


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
