"""Queries of system.toml to observation rows; what does not fit a shape is a clear error."""

import datetime
import math
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from dtx.core.errors import ConfigError
from dtx.core.observation import (
    DecisionRow,
    Effect,
    EffectRow,
    InvariantRow,
    PendingRow,
    Side,
    WaitRow,
)

Cells = Sequence[Any]

EFFECT_COLUMNS = ("(tx, step, effect, amount, at)", (4, 5))
PENDING_COLUMNS = ("(tx, since)", (1, 2))
DECISION_COLUMNS = ("(tx, decision, at)", (2, 3))
WAIT_COLUMNS = ("(waiter, holder, what)", (2, 3))
INVARIANT_COLUMNS = ("(value) or (key, value)", (1, 2))
"""What a query of the shape may have: in words, and how many."""


def effect_rows(database: str, rows: Sequence[Cells]) -> list[EffectRow]:
    """Return rows of shape effects from (tx, step, effect, amount) or (..., at)."""
    where = f"[databases.{database}.observe] effects"
    return [_effect(where, database, row) for row in rows]


def pending_rows(database: str, rows: Sequence[Cells]) -> list[PendingRow]:
    """Return rows of shape pending from (tx) or (tx, since)."""
    where = f"[databases.{database}.observe] pending"
    found = []
    for row in rows:
        check_columns(where, len(row), PENDING_COLUMNS)
        since = _time_ns(where, row[1]) if len(row) == 2 else None
        found.append(
            PendingRow(participant=database, tx=_text(where, "tx", row[0]), since_ns=since)
        )
    return found


def decision_rows(database: str, rows: Sequence[Cells]) -> list[DecisionRow]:
    """Return rows of shape decisions from (tx, decision) or (tx, decision, at)."""
    where = f"[databases.{database}.observe] decisions"
    found = []
    for row in rows:
        check_columns(where, len(row), DECISION_COLUMNS)
        found.append(
            DecisionRow(
                participant=database,
                subject=_text(where, "tx", row[0]),
                decision=_text(where, "decision", row[1]),
                at_ns=_time_ns(where, row[2]) if len(row) == 3 else None,
            )
        )
    return found


def wait_rows(database: str, rows: Sequence[Cells]) -> list[WaitRow]:
    """Return rows of shape waits from (waiter, holder) or (waiter, holder, what)."""
    where = f"[databases.{database}.observe] waits"
    return [_wait(where, database, row) for row in rows]


def residue_count(database: str, name: str, rows: Sequence[Cells]) -> int:
    """Return the one number of a residue query."""
    where = f"[databases.{database}.residue] {name}"
    if len(rows) != 1 or len(rows[0]) != 1:
        columns = len(rows[0]) if rows else 0
        raise ConfigError(
            f"{where}: one row with one number is wanted, not {len(rows)} rows of {columns} columns"
        )
    return _whole(where, "count", rows[0][0])


def invariant_rows(name: str, side: Side, rows: Sequence[Cells]) -> list[InvariantRow]:
    """Return the rows of one side: (value), one row, or (key, value)."""
    where = f"[[contract.invariants]] {name!r} {side.value}"
    found = []
    for row in rows:
        check_columns(where, len(row), INVARIANT_COLUMNS)
        key = "" if len(row) == 1 else str(row[0])
        found.append(
            InvariantRow(name=name, side=side, key=key, value=_whole(where, "value", row[-1]))
        )
    keys = Counter(row.key for row in found)
    for key, count in keys.items():
        if count > 1 and len(rows[0]) == 1:
            raise ConfigError(
                f"{where}: {len(rows)} rows, wanted one row (value), or rows (key, value)"
            )
        if count > 1:
            raise ConfigError(f"{where}: the key {key!r} comes twice, wanted one row for each key")
    return found


def _effect(where: str, database: str, row: Cells) -> EffectRow:
    check_columns(where, len(row), EFFECT_COLUMNS)
    try:
        effect = Effect(row[2])
    except ValueError as error:
        raise ConfigError(f"{where}: effect is {row[2]!r}, not applied or undone") from error
    return EffectRow(
        participant=database,
        tx=_text(where, "tx", row[0]),
        step=_text(where, "step", row[1]),
        effect=effect,
        amount=_whole(where, "amount", row[3]),
        at_ns=_time_ns(where, row[4]) if len(row) == 5 else None,
    )


def _wait(where: str, database: str, row: Cells) -> WaitRow:
    check_columns(where, len(row), WAIT_COLUMNS)
    return WaitRow(
        participant=database,
        waiter=_text(where, "waiter", row[0]),
        holder=_text(where, "holder", row[1]),
        what="" if len(row) == 2 or row[2] is None else _text(where, "what", row[2]),
    )


def check_columns(where: str, columns: int, wanted: tuple[str, tuple[int, ...]]) -> None:
    """Refuse a query with another number of columns than its shape has.

    Raises:
        ConfigError: it has another number.
    """
    words, counts = wanted
    if columns not in counts:
        raise ConfigError(f"{where}: {columns} columns, wanted {words}")


def _text(where: str, column: str, value: object) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{where}: {column} is {value!r}, wanted text")
    return value


def _whole(where: str, column: str, value: Any) -> int:
    is_number = isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
    # NaN and infinity have no int: they are asked about first.
    if not is_number or not math.isfinite(value) or int(value) != value:
        raise ConfigError(f"{where}: {column} is {value!r}, wanted a whole number")
    return int(value)


def _time_ns(where: str, value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, datetime.datetime) or value.tzinfo is None:
        raise ConfigError(f"{where}: the time is {value!r}, wanted timestamp with time zone")
    # Whole microseconds: a float of seconds since the epoch can't hold them exactly.
    since_epoch = value - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return (since_epoch // datetime.timedelta(microseconds=1)) * 1000
