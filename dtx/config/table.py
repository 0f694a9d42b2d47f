"""A cursor over tables: it knows its key path and which keys were asked for, so unknown keys are found."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from dtx.config.place import Place, did_you_mean, nearest, shown

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
"""Names of nodes, fields of the fault grammar, container names: nothing in it that any of them cuts at."""

_LONGEST_TIME_S = 3600.0


@dataclass(frozen=True, slots=True)
class Value:
    """One value and its place; each method reads it as a type or raises ConfigError."""

    place: Place
    raw: Any

    def text(self, *, may_be_empty: bool = False) -> str:
        """Read a string."""
        if not isinstance(self.raw, str):
            raise self._mismatch("a string")
        if not self.raw.strip() and not may_be_empty:
            raise self.place.error("must not be empty")
        return self.raw

    def name(self) -> str:
        """Read a string that is a name."""
        return checked_name(self.place, self.text())

    def flag(self) -> bool:
        """Read true or false."""
        if not isinstance(self.raw, bool):
            raise self._mismatch("true or false")
        return self.raw

    def whole(self, low: int | None = None, high: int | None = None) -> int:
        """Read a whole number from `low` to `high`, both included."""
        if isinstance(self.raw, bool) or not isinstance(self.raw, int):
            raise self._mismatch("a whole number")
        if (low is not None and self.raw < low) or (high is not None and self.raw > high):
            raise self.place.error(f"must be from {low} to {high}, not {shown(self.raw)}")
        return self.raw

    def number(self) -> float:
        """Read a number, whole or not."""
        if isinstance(self.raw, bool) or not isinstance(self.raw, int | float):
            raise self._mismatch("a number")
        return float(self.raw)

    def seconds(self) -> float:
        """Read a time in seconds, more than 0, an hour at most."""
        value = self.number()
        if not 0 < value <= _LONGEST_TIME_S:
            limits = f"must be more than 0 and at most {_LONGEST_TIME_S:.0f} s"
            raise self.place.error(f"{limits}, not {shown(self.raw)}")
        return value

    def array(self) -> tuple["Value", ...]:
        """Read an array."""
        if not isinstance(self.raw, list | tuple):
            raise self._mismatch("an array")
        return tuple(Value(self.place.at(i), item) for i, item in enumerate(self.raw))

    def filled_array(self) -> tuple["Value", ...]:
        """Read an array of one or more."""
        items = self.array()
        if not items:
            raise self.place.error("must not be empty")
        return items

    def table(self) -> "Table":
        """Read a table."""
        if not isinstance(self.raw, Mapping):
            raise self._mismatch("a table")
        return Table(self.place, self.raw)

    def _mismatch(self, wanted: str) -> Exception:
        hint = ""
        if wanted == "a string" and isinstance(self.raw, int | float):
            hint = f'write it in quotes: "{shown(self.raw)}"'
        return self.place.error(f"must be {wanted}, not {shown(self.raw)}", hint=hint)


class Table:
    """A table whose keys are asked for one by one; leaving its `with` block raises for keys nobody asked for."""

    def __init__(self, place: Place, values: Mapping[str, Any]) -> None:
        self.place = place
        self._values = values
        self._asked: dict[str, None] = {}

    def __enter__(self) -> "Table":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self._refuse_unknown()

    def get(self, key: str) -> Value | None:
        """Return the value of an optional key."""
        self._asked[key] = None
        return Value(self.place.at(key), self._values[key]) if key in self._values else None

    def need(self, key: str, *, among: Collection[str] = ()) -> Value:
        """Return the value of a required key; where it is missing, the error tells of the keys that are not `among` these."""
        value = self.get(key)
        if value is None:
            if among and (strange := [k for k in self._values if k not in among]):
                raise self._missing(key, strange, among)
            near = nearest(key, self._values.keys() - self._asked.keys(), likeness=0.75)
            hint = f'write "{key}" for "{near}"' if near else ""
            raise self.place.error(f'the key "{key}" is missing', hint=hint)
        return value

    def section(self, key: str) -> "Table":
        """Return the table of an optional key, empty if it is absent."""
        value = self.get(key)
        return Table(self.place.at(key), {}) if value is None else value.table()

    def entries(self) -> Iterator[tuple[str, Value]]:
        """Yield every key and its value: the keys are the user's."""
        for key, raw in self._values.items():
            self._asked[key] = None
            yield key, Value(self.place.at(key), raw)

    def named(self) -> Iterator[tuple[str, Value]]:
        """Yield every key and its value: the keys are names."""
        for key, value in self.entries():
            yield checked_name(value.place, key), value

    def refuse(self, key: str, why: str) -> None:
        """Raise with a reason of its own for a key that a reader of the design may expect."""
        if key in self._values:
            raise self.place.at(key).error(why)

    def _missing(self, key: str, strange: Sequence[str], allowed: Collection[str]) -> Exception:
        meant = [(k, near) for k in strange if (near := nearest(k, allowed))]
        return self.place.error(
            f'the key "{key}" is missing; unknown: {", ".join(map(shown, strange))}; '
            f"allowed here: {', '.join(allowed)}",
            hint="; ".join(f'write "{near}" for "{k}"' for k, near in meant),
        )

    def _refuse_unknown(self) -> None:
        for key in self._values:
            if key not in self._asked:
                listed = ", ".join(self._asked) or "none"
                raise self.place.at(key).error(
                    f"unknown key; allowed here: {listed}", hint=did_you_mean(key, self._asked)
                )


def checked_name(place: Place, name: str) -> str:
    """Return the name if it may be one."""
    if not NAME.fullmatch(name):
        rule = "lower-case letters, digits, - and _, at most 40, a letter or digit first"
        raise place.error(f"{shown(name)} can't be a name: {rule}")
    return name
