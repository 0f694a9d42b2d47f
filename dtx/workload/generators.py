"""Transactions drawn from the seed: number i is the same whatever the timing, the rate or the machine."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from dtx.config.model import ChoiceField, FieldGenerator, IntField, MatchField
from dtx.core.history import FieldValue

TX = "tx"
"""The field that every template may use beside the drawn ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """What one client submits; `fields` are the drawn ones, without `tx`."""

    tx: str
    fields: Mapping[str, FieldValue]

    def value(self, field: str) -> FieldValue:
        """Return one field, `tx` included.

        Raises:
            KeyError: there is no such field.
        """
        return self.tx if field == TX else self.fields[field]


def transaction(number: int, *, seed: int, generators: Mapping[str, FieldGenerator]) -> Transaction:
    """Return transaction `number`, counted from 1; ids have a fixed width, so that messages have fixed sizes."""
    # Seeding with a string goes through SHA-512 (random.seed, version 2): stable over processes and versions.
    rng = random.Random(f"{seed}:{number}")
    drawn = {
        name: _draw(generator, rng)
        for name, generator in generators.items()
        if not isinstance(generator, MatchField)
    }
    matched = {
        name: generator.values[str(drawn[generator.of])]
        for name, generator in generators.items()
        if isinstance(generator, MatchField)
    }
    fields = drawn | matched
    return Transaction(tx=f"t{number:06d}", fields=fields)


def _draw(generator: ChoiceField | IntField, rng: random.Random) -> FieldValue:
    match generator:
        case IntField():
            return rng.randint(generator.low, generator.high)
        case ChoiceField(weights=None):
            return rng.choice(generator.values)
        case ChoiceField():
            return rng.choices(generator.values, weights=generator.weights)[0]
        case _:
            assert_never(generator)
