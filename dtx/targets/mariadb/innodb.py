"""InnoDB's views of its transactions and of who waits for whom, which may not be asked too often."""

import time
from collections.abc import Sequence
from typing import Any

from dtx.targets.mariadb.connecting import Connection, rows

REFRESHED_AFTER_S = 0.12
"""InnoDB answers from a copy that it renews only if nobody looked for 0.1 s (trx0i_s.cc, CACHE_MIN_IDLE_TIME): who
looks more often than that sees the same moment for ever."""


class PatientQuery:
    """One query of these views, asked anew at most every REFRESHED_AFTER_S; until then its last answer counts."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._asked_at = float("-inf")
        self._answer: list[tuple[Any, ...]] = []

    def rows(
        self, connection: Connection, parameters: Sequence[object] = ()
    ) -> list[tuple[Any, ...]]:
        """Return the rows as they were, REFRESHED_AFTER_S ago at the most."""
        if time.monotonic() - self._asked_at >= REFRESHED_AFTER_S:
            self._answer = rows(connection, self._text, parameters)
            self._asked_at = time.monotonic()
        return self._answer
