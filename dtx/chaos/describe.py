"""A window in words, for the plan and the report."""

from dtx.chaos.overlap import is_decided
from dtx.core.schedule import Omission, Proof, Schedule, Window


def describe(window: Window) -> str:
    """Return e.g. `partition of payments->payments-db from 2.5 s to 7.5 s`."""
    pass_ = f" ({_ordinal(window.nth)} pass)" if window.proof is Proof.CRASH else ""
    return (
        f"{window.name}{pass_} of {_targets(window)} "
        f"from {_number(window.at_s)} s to {_number(window.until_s)} s"
    )


def describe_omission(omission: Omission) -> str:
    """Return e.g. `kill,p=0.5 from 2.5 s to 7.5 s does not come: this seed did not draw it`."""
    return (
        f"{omission.fault} from {_number(omission.at_s)} s to {_number(omission.until_s)} s "
        "does not come: this seed did not draw it"
    )


def describe_schedule(schedule: Schedule) -> str:
    """Return all windows in words, joined with semicolons; `no fault` if there are none."""
    return "; ".join(describe(w) for w in schedule.windows) or "no fault"


def _targets(window: Window) -> str:
    if not window.targets:
        return "nothing"
    names = ", ".join(window.targets)
    if is_decided(window):
        return names
    which = " that carries traffic" if window.needs_traffic else ""
    return f"{'one' if window.take == 1 else window.take}{which} of {names}"


def _number(seconds: float) -> str:
    return f"{seconds:.3f}".rstrip("0").rstrip(".")


def _ordinal(number: int) -> str:
    ending = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
