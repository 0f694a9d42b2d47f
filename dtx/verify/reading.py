"""What readers saw, in numbers: measured in every run, whatever is claimed."""

from dtx.core.verdict import ReaderSummary
from dtx.verify.ledger import Ledger
from dtx.verify.reads import Anomaly, Observed

_ERRORS = 3


def summarise_reads(ledger: Ledger) -> tuple[ReaderSummary, ...]:
    """Return one summary for each reader, in the order of the file."""
    return tuple(_summary(observed) for observed in ledger.observed_reads)


def _summary(observed: Observed) -> ReaderSummary:
    dirty, fractured, went_back = (
        observed.shown[anomaly] for anomaly in (Anomaly.DIRTY, Anomaly.FRACTURED, Anomaly.WENT_BACK)
    )
    offs = observed.offs
    return ReaderSummary(
        reader=observed.reader.name,
        reads=observed.complete,
        failed=observed.failed,
        skipped=observed.skipped,
        errors=dict(observed.errors.most_common(_ERRORS)),
        is_joined=observed.is_joined,
        dirty=dirty.reads,
        unmarked=observed.shown[Anomaly.UNMARKED].reads,
        dirty_transactions=len(dirty.first),
        fractured=fractured.reads,
        fractured_transactions=len(fractured.first),
        went_back=went_back.reads,
        went_back_transactions=len(went_back.first),
        total=observed.reader.total,
        wrong_sums=len(offs),
        low=min(offs, default=0),
        high=max(offs, default=0),
    )
