"""What a variant was meant to show, and whether the run showed it."""

import re
from collections.abc import Iterator

from rich.text import Text

from dtx.core.run_folder import Plan
from dtx.core.verdict import Status, Verdict
from dtx.report import colours
from dtx.report.declared import declared, declared_texts
from dtx.report.wording import clean, listed

_NONE = "none"
_MILLISECONDS = re.compile(r"=(\d+(?:\.\d*)?)ms")


def variant_lines(plan: Plan, verdict: Verdict) -> Iterator[Text]:
    """Yield one line for a run of a variant: what its file says of it, and what came."""
    if plan.variant and declared(plan, "variants", plan.variant) is not None:
        words, is_expected = _told(plan, verdict, plan.variant)
        style = "" if is_expected else colours.UNSURE
        yield Text(clean(f"variant {plan.variant} {words}"), style=style)


def _told(plan: Plan, verdict: Verdict, variant: str) -> tuple[str, bool]:
    breaks = declared_texts(plan, "variants", variant, "breaks")
    exposed_by = declared_texts(plan, "variants", variant, "exposed_by")
    ours = plan.schedule.text if plan.schedule.windows else _NONE
    if ours == _NONE and _NONE not in exposed_by:
        return _without_fault(verdict)
    meant = (
        f"is meant to be convicted by {listed(breaks, at_most=9)} under {' or '.join(exposed_by)}"
    )
    was_convicted = verdict.violated_checkers == tuple(sorted(breaks))
    if _timed(ours) in map(_timed, exposed_by):
        return (
            f"{meant}: it was{'' if was_convicted else f' not{_instead(verdict)}'}",
            was_convicted,
        )
    came = "it was all the same" if was_convicted else f"it was not{_instead(verdict)}"
    is_elsewhen = _without_times(ours) in map(_without_times, exposed_by)
    other = "other times than that" if is_elsewhen else "another fault"
    return f"{meant}; this run had {other}: {came}", True


def _without_fault(verdict: Verdict) -> tuple[str, bool]:
    does = verdict.status is Status.HOLDS
    return f"must hold without a fault: it does{'' if does else f' not{_instead(verdict)}'}", does


def _instead(verdict: Verdict) -> str:
    if verdict.violated_checkers:
        return f", convicted by {listed(verdict.violated_checkers, at_most=9)}"
    return "; this run proves nothing" if verdict.status is Status.UNKNOWN else ""


def _without_times(text: str) -> list[str]:
    """Return `["lose-reply@a->b"]` for `lose-reply@a->b,at=2s,for=5s`, sorted if joined."""
    return sorted(one.partition(",")[0].strip() for one in text.split("+"))


def _timed(text: str) -> list[list[str]]:
    """Return a fault's parts in an order that is not the user's, with all times in seconds."""
    pieces = [one.split(",") for one in _MILLISECONDS.sub(_in_seconds, text).split("+")]
    return sorted(
        [head.strip(), *sorted(time.strip().removesuffix("s") for time in times)]
        for head, *times in pieces
    )


def _in_seconds(found: re.Match[str]) -> str:
    return f"={float(found[1]) / 1000:g}"
