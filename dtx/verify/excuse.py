"""When lateness accuses nobody: other programs had much of the processors, and the system still came nearer to its end."""

from dtx.core.history import STARVED_FROM
from dtx.verify.ledger import Ledger


def excuse_for_lateness(ledger: Ledger) -> str:
    """Return why what is late or unfinished may be the machine's doing, in words; empty if it is not.

    What does not move at all any more for as long as the contract allows is stuck on any machine.
    """
    quiet = ledger.timeline.quiet
    limit_s = ledger.contract.converges_within_s
    share = ledger.timeline.foreign_share
    if quiet is None or limit_s is None or share < STARVED_FROM:
        return ""
    is_open_after_quiet = quiet.is_quiet and ledger.pending
    if is_open_after_quiet or (quiet.unchanged_s or 0.0) > limit_s:
        return ""
    return (
        f"other programs had {share * 100:.0f} % of the processors' time meanwhile: "
        "run it on a quieter machine"
    )
