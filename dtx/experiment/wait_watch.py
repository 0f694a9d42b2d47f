"""Looks, a few times a second, at who waits for whom inside each database, and records each wait once it is over.

Each database is looked at by a thread of its own: one that does not answer keeps no other from being seen.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from dtx.core.errors import DtxError
from dtx.core.history import Wait
from dtx.core.observation import WaitRow
from dtx.core.ports import Recorder, Waits

LOOK_EVERY_S = 0.15
"""Not more often: InnoDB's views are renewed only if nobody looked for 0.1 s."""

JOINED_WITHIN_S = 0.5
"""Two looks that are further apart may show two waits of the same pair, one after the other."""

ENDED_WITHIN_S = 5.0


@dataclass(slots=True, kw_only=True)
class _Seen:
    first_ns: int
    last_ns: int
    what: str


class Spells:
    """The waits in one database, from look to look.

    A wait is known from the end of the first look that shows it to the begin of the last: a look takes time, and
    shows some moment of it.
    """

    def __init__(self, database: str, recorder: Recorder) -> None:
        self._database = database
        self._recorder = recorder
        self._open: dict[tuple[str, str], _Seen] = {}
        self._looked_ns = 0

    def saw(self, rows: Sequence[WaitRow], *, asked_ns: int, answered_ns: int) -> None:
        """Take what one look shows."""
        if asked_ns - self._looked_ns > JOINED_WITHIN_S * 1e9:
            self._end(list(self._open), answered_ns)
        self._looked_ns = answered_ns
        now = {(row.waiter, row.holder): row.what for row in rows if row.waiter != row.holder}
        self._end([pair for pair in self._open if pair not in now], answered_ns)
        for pair, what in now.items():
            seen = self._open.get(pair)
            if seen is None:
                self._open[pair] = _Seen(first_ns=answered_ns, last_ns=answered_ns, what=what)
            else:
                seen.last_ns = max(seen.first_ns, asked_ns)
                seen.what = seen.what or what

    def close(self, at_ns: int) -> None:
        """Record what still waits, as not over."""
        self._end(list(self._open), at_ns, is_over=False)

    def _end(self, pairs: Sequence[tuple[str, str]], at_ns: int, *, is_over: bool = True) -> None:
        for waiter, holder in pairs:
            seen = self._open.pop((waiter, holder))
            self._recorder.append(
                Wait(
                    at_ns=at_ns,
                    database=self._database,
                    waiter=waiter,
                    holder=holder,
                    what=seen.what,
                    first_ns=seen.first_ns,
                    last_ns=seen.last_ns,
                    is_over=is_over,
                )
            )


class WaitWatch:
    """A context manager; `stop` ends the looking earlier than its end, before what is there is read."""

    def __init__(self, waits: Waits, recorder: Recorder) -> None:
        self._waits = waits
        self._recorder = recorder
        self._over = threading.Event()
        self._threads = [
            threading.Thread(
                target=self._watch, args=(name,), name=f"dtx-waits-{name}", daemon=True
            )
            for name in waits.names()
        ]

    def __enter__(self) -> "WaitWatch":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the looking; what still waits is recorded as not over."""
        self._over.set()
        for thread in self._threads:
            thread.join(timeout=ENDED_WITHIN_S)

    def _watch(self, database: str) -> None:
        spells = Spells(database, self._recorder)
        while not self._over.is_set():
            try:
                self._look(database, spells)
            except DtxError:
                # It is down, or slow: faults do that. What it showed before ends with the next look.
                self._over.wait(LOOK_EVERY_S)
        spells.close(time.monotonic_ns())

    def _look(self, database: str, spells: Spells) -> None:
        with self._waits.looking(database) as look:
            while not self._over.wait(LOOK_EVERY_S):
                asked_ns = time.monotonic_ns()
                rows = look()
                spells.saw(rows, asked_ns=asked_ns, answered_ns=time.monotonic_ns())
