"""The rows that participants say about transactions; all checks are joins of these with the history.

The shapes are those of ARCHITECTURE.md; all but `waits` are read once all is quiet. `at_ns` is the commit time on the wall clock (ns since the epoch)
or None where the target can't tell. `participant` is the name of the database that said the row.
"""

from enum import StrEnum

import msgspec

from dtx.core.moment import Ns


class Effect(StrEnum):
    """What a row of `effects` records."""

    APPLIED = "applied"
    UNDONE = "undone"


class Shape(StrEnum):
    """The shapes that a system's `observe` queries may have, and thus the files of a run folder."""

    EFFECTS = "effects"
    PENDING = "pending"
    PREPARED = "prepared"
    DECISIONS = "decisions"
    MESSAGES = "messages"
    APPLIED = "applied"
    STATE = "state"
    WAITS = "waits"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One observed row of participant `participant`."""

    participant: str


class EffectRow(Row, frozen=True, kw_only=True):
    """Step `step` of `tx` changed this participant by `amount` (integer units), or took that back."""

    tx: str
    step: str
    effect: Effect
    amount: int
    at_ns: Ns | None = None


class PendingRow(Row, frozen=True, kw_only=True):
    """This participant still has `tx` open since `since_ns` (wall clock), if it knows since when."""

    tx: str
    since_ns: Ns | None = None


class PreparedRow(Row, frozen=True, kw_only=True):
    """A prepared branch in doubt: `gid` as its server writes it, `name` what that reads as, empty if it is the same.

    `tx` is None where the target can't tell it from the name; `verify` may, from the transactions that were submitted.
    """

    gid: str
    name: str = ""
    tx: str | None = None
    since_ns: Ns | None = None


class DecisionRow(Row, frozen=True, kw_only=True):
    """What a decision log says of transaction, or branch, `subject`: any word of the system's, such as "commit".

    `at_ns` is when it was decided, if the log tells.
    """

    subject: str
    decision: str
    at_ns: Ns | None = None


class ResidueRow(Row, frozen=True, kw_only=True):
    """Residue `name` was `count` once quiet; it must be 0."""

    name: str
    count: int


class WaitRow(Row, frozen=True, kw_only=True):
    """Transaction `waiter` waits here, just now, for what `holder` holds; `what` is that in the system's words."""

    waiter: str
    holder: str
    what: str = ""


class Side(StrEnum):
    """Which side of an invariant a row belongs to."""

    LEFT = "left"
    RIGHT = "right"


class InvariantRow(msgspec.Struct, frozen=True, kw_only=True):
    """One value of invariant `name`: `key` is empty for a scalar."""

    name: str
    side: Side
    key: str
    value: int


class OutcomeRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the system itself said, once quiet, of a transaction whose client had no answer.

    `outcome` is ok, fail, or info when it did not know the transaction or could not be asked.
    """

    tx: str
    outcome: str
    detail: str = ""
