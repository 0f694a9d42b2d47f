"""Where in a file a value stands, and errors that say so with the nearest match."""

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from dtx.core.errors import ConfigError

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Place:
    """A key path in a file: `system.toml: workers.orders.env.PAYMENTS_URL`.

    Attributes:
        source: the file as the user knows it.
        keys: the path; whole numbers are positions in arrays, from 0.
    """

    source: str
    keys: tuple[str | int, ...] = ()

    def __str__(self) -> str:
        text = ""
        for key in self.keys:
            if isinstance(key, int):
                text += f"[{key}]"
            else:
                text += f".{_written(key)}" if text else _written(key)
        return f"{self.source}: {text}" if text else self.source

    def at(self, key: str | int) -> "Place":
        """Return the place of what stands under `key` here."""
        return Place(self.source, (*self.keys, key))

    def error(self, what: str, *, hint: str = "") -> ConfigError:
        """Return an error that says what is wrong here."""
        return ConfigError(f"{self}: {what}", hint=hint)

    def no_such(self, what: str, word: str, allowed: Iterable[str]) -> ConfigError:
        """Return an error for a word that is none of the allowed ones: `what` names both, word is its nearest."""
        names = tuple(allowed)
        listed = f"allowed: {', '.join(names)}" if names else "there are none"
        return self.error(f"{what}; {listed}", hint=did_you_mean(word, names))


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """Return a question with the nearest allowed word, or nothing if none is near."""
    near = nearest(word, allowed)
    return f'did you mean "{near}"?' if near else ""


def nearest(word: str, allowed: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """Return the allowed word that is most like `word` (likeness 0 to 1), None if none is."""
    return next(iter(difflib.get_close_matches(word, list(allowed), n=1, cutoff=likeness)), None)


def shown(value: object) -> str:
    """Return a value in quotes on one line, cut short, for a message."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."


def _written(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else shown(key)
