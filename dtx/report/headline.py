"""The first lines of a report: the verdict in words that can't be missed, and what was run."""

from collections.abc import Iterator
from typing import assert_never

from rich.text import Text

from dtx.core.run_folder import Plan
from dtx.core.verdict import Status, Verdict
from dtx.report import colours
from dtx.report.declared import declared
from dtx.report.wording import clean, seconds

_OWN_VERSIONS = ("dtx", "python", "kernel")
_IMAGE = " image"
"""Which image a server came from is in plan.json; its version says enough here."""


def headline(plan: Plan, verdict: Verdict) -> Text:
    """Return e.g. ` VIOLATED  saga under lose-reply: atomicity, no-phantom`."""
    line = Text()
    line.append(f" {verdict.status.value.upper()} ", style=colours.of_headline(verdict.status))
    line.append(f"  {subject(plan)}: ", style=colours.HEADING)
    line.append(_what_it_means(verdict), style=colours.of_status(verdict.status))
    return line


def subject(plan: Plan) -> str:
    """Return what was put to the test: `saga, variant not-idempotent, under lose-reply`."""
    faults = "+".join(window.name for window in plan.schedule.windows)
    chosen = [plan.system_name]
    chosen += [f"variant {plan.variant}"] if plan.variant else []
    chosen += [f"workload {plan.workload}"] if plan.workload else []
    chosen += [f"{name} {value}" for name, value in plan.options.items()]
    without = "without the faults that had a chance" if plan.schedule.omitted else "without faults"
    return f"{', '.join(chosen)}{',' if len(chosen) > 1 else ''} " + (
        f"under {faults}" if faults else without
    )


def particulars(plan: Plan) -> Iterator[Text]:
    """Yield the system's title, and under what conditions it ran."""
    said = declared(plan, "system", "title")
    title = said if isinstance(said, str) else ""
    yield Text(
        f"{clean(title)}{'; ' if title else ''}seed {plan.seed}, "
        f"{plan.rate:g} transactions/s for {seconds(plan.duration_s)}, runtime {plan.runtime}"
    )
    servers = [
        f"{name} {version}"
        for name, version in plan.versions.items()
        if name not in _OWN_VERSIONS and not name.endswith(_IMAGE)
    ]
    if servers:
        yield Text(clean(", ".join(servers)), style=colours.QUIET)


def _what_it_means(verdict: Verdict) -> str:
    match verdict.status:
        case Status.HOLDS:
            return "every claimed invariant held"
        case Status.VIOLATED:
            return ", ".join(verdict.violated_checkers)
        case Status.UNKNOWN:
            return "this run proves nothing"
        case _:
            assert_never(verdict.status)
