"""What each fault window did: what was hurt and when, whether it landed, and which transactions it met."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from dtx.core.schedule import Omission
from dtx.core.verdict import Verdict, WindowCoverage
from dtx.report import colours
from dtx.report.wording import clean, count, listed, seconds, size

_ENDED = {"ok": "ok", "fail": "refused", "info": "unknown"}


def fault_lines(verdict: Verdict) -> Iterator[RenderableType]:
    """Yield three to five lines for each window; one line for a run without faults."""
    if not (verdict.coverage or verdict.omitted):
        yield Text("  none")
    for window in verdict.coverage:
        yield Padding(_what(window), (0, 0, 0, 2))
        for words in (window.reason, _bytes(window), _met(window), *_under_way(window)):
            yield Padding(Text(clean(words)), (0, 0, 0, 4))
    for omission in verdict.omitted:
        yield Padding(_omission(omission), (0, 0, 0, 2))


def _omission(omission: Omission) -> Text:
    line = Text()
    line.append(clean(omission.fault), style=colours.FAULT)
    line.append(f", from {seconds(omission.at_s)} to {seconds(omission.until_s)}: ")
    line.append("did not come", style="bold yellow")
    return line.append(f", by chance (p={omission.chance:g}); this run says nothing of it")


def _what(window: WindowCoverage) -> Text:
    line = Text()
    line.append(clean(window.fault), style=colours.FAULT)
    line.append(
        f" of {clean(listed(window.targets)) or 'nothing'}, "
        f"from {seconds(window.at_s)} to {seconds(window.until_s)}: "
    )
    if window.has_landed:
        line.append("landed", style=colours.GOOD)
    else:
        line.append("did not land", style=f"bold {colours.UNSURE}")
    return line


def _bytes(window: WindowCoverage) -> str:
    return (
        f"{size(window.held_bytes)} held, {size(window.dropped_bytes)} dropped, "
        f"{count(window.connections, 'connection')} open when it began"
    )


def _met(window: WindowCoverage) -> str:
    outcomes = [
        f"{window.met_by_outcome[key]:,} {word}"
        for key, word in _ENDED.items()
        if key in window.met_by_outcome
    ]
    ended = f", which ended {', '.join(outcomes)}" if outcomes else ""
    return f"met {count(window.met, 'transaction')}{ended}"


def _under_way(window: WindowCoverage) -> Iterator[str]:
    if window.in_flight_at_injection:
        steps = [f"{n:,} after {step}" for step, n in window.applied_at_injection.items()]
        done = f", {listed(steps, at_most=6)}" if steps else ""
        yield f"{window.in_flight_at_injection:,} under way when it began{done}"
