"""What an answer to a reader means: a value, which transactions are in it, and which of them are not final."""

from dataclasses import dataclass
from typing import Any

import jmespath
import msgspec
from jmespath.exceptions import JMESPathError

from dtx.config.model import ReaderQuestion
from dtx.workload.outcomes import shown


class UnreadableError(Exception):
    """An answer that is not what `system.toml` says it is; the text says how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One answer; `added` and `removed` tell `seen` by its difference to the last one."""

    value: int
    added: tuple[str, ...]
    removed: tuple[str, ...]
    pending: tuple[str, ...]


class AnswerReader:
    """Reads the answers to one question, one after another."""

    def __init__(self, question: ReaderQuestion) -> None:
        self._value = jmespath.compile(question.value)
        self._seen = jmespath.compile(question.seen) if question.seen else None
        self._pending = jmespath.compile(question.pending) if question.pending else None
        self._last: frozenset[str] = frozenset()

    def read(self, status: int, body: bytes) -> Reading:
        """Return what an answer says, and keep what it has seen for the next one.

        Raises:
            UnreadableError: it is not HTTP 200 with JSON in which all expressions find what they must.
        """
        if status != 200:
            raise UnreadableError(f"HTTP {status}: {shown(body)}")
        try:
            document = msgspec.json.decode(body)
            value = _whole(self._value.search(document))
            seen = _names("seen", self._seen.search(document)) if self._seen else frozenset()
            pending = (
                _names("pending", self._pending.search(document)) if self._pending else frozenset()
            )
        except (msgspec.DecodeError, UnicodeDecodeError, JMESPathError) as error:
            raise UnreadableError(f"{error}: {shown(body)}") from error
        last, self._last = self._last, seen
        return Reading(
            value=value,
            added=tuple(sorted(seen - last)),
            removed=tuple(sorted(last - seen)),
            pending=tuple(sorted(pending)),
        )


def _whole(found: Any) -> int:
    if isinstance(found, dict):
        return sum(_whole(item) for item in found.values())
    # 1e3 and 2.0 are floats in JSON: money that is not exact is no evidence.
    if isinstance(found, bool) or not isinstance(found, int):
        raise UnreadableError(f"value gave {_told(found)}, not a whole number")
    return found


def _names(key: str, found: Any) -> frozenset[str]:
    if not isinstance(found, list) or set(map(type, found)) - {str}:
        raise UnreadableError(f"{key} gave {_told(found)}, not an array of transaction ids")
    return frozenset(found)


def _told(found: Any) -> str:
    return shown(msgspec.json.encode(found))
