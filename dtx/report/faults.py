"""What each fault window did: what was hurt and when, whether it landed, and which transactions it met."""

from collections.abc import Iterable, Iterator

from rich.text import Text

from dtx.core.verdict import Verdict, WindowCoverage
from dtx.report import colours
from dtx.report.wording import clean, count, listed, seconds, size

_ENDED = {"ok": "ok", "fail": "refused", "info": "unknown"}


def fault_lines(verdict: Verdict) -> Iterator[Text]:
    """Yield three or four lines for each window; one line for a run without faults."""
    if not verdict.coverage:
        yield Text("  none")
    for window in verdict.coverage:
        yield _what(window)
        yield Text(f"    {clean(window.reason)}")
        yield Text(f"    {_bytes(window)}")
        yield Text(f"    {_met(window)}")
        if window.applied_at_injection:
            steps = [f"{n} after {step}" for step, n in window.applied_at_injection.items()]
            yield Text(f"    of those under way: {listed(steps, at_most=6)}")


def _what(window: WindowCoverage) -> Text:
    line = Text("  ")
    line.append(clean(window.fault), style=colours.FAULT)
    line.append(
        f" of {clean(listed(window.targets)) or 'nothing'}, "
        f"from {seconds(window.at_s)} to {seconds(window.until_s)}: "
    )
    if window.has_landed:
        line.append("landed", style="green")
    else:
        line.append("did not land", style="bold yellow")
    return line


def _bytes(window: WindowCoverage) -> str:
    return (
        f"{size(window.held_bytes)} held, {size(window.dropped_bytes)} dropped, "
        f"{count(window.connections, 'connection')} open"
    )


def _met(window: WindowCoverage) -> str:
    return (
        f"met {count(window.met, 'transaction')} ({window.in_flight_at_injection} under way "
        f"when it began): {_outcomes(window.met_by_outcome.items())}"
    )


def _outcomes(items: Iterable[tuple[str, int]]) -> str:
    found = dict(items)
    parts = [f"{found[key]} {word}" for key, word in _ENDED.items() if key in found]
    return ", ".join(parts) or "none"
