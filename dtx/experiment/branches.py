"""Watches prepared branches during a run: which stay in doubt, and who waits for what they hold."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from dtx.core.errors import DtxError
from dtx.core.history import BLOCKED_AFTER_S, BranchEnded, BranchInDoubt, LockWait
from dtx.core.observation import PreparedRow
from dtx.core.ports import Branches, BranchLooks, Recorder

LOOK_EVERY_S = 0.15
"""InnoDB's views stand still for those who look more often than every 0.1 s."""

ENDS_WITHIN_S = 5.0


class BranchWatch:
    """Looks at every database in a thread of its own: one that is down or paused hides none of the others.

    Only branches that have been in doubt for BLOCKED_AFTER_S go into the history: the rest is every-day work.
    """

    def __init__(self, branches: Mapping[str, Branches], recorder: Recorder) -> None:
        self._over = threading.Event()
        self._threads = [
            threading.Thread(
                target=_Watched(name, of, recorder, self._over).watch,
                name=f"dtx-branches-{name}",
                daemon=True,
            )
            for name, of in branches.items()
        ]

    def __enter__(self) -> "BranchWatch":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(timeout=ENDS_WITHIN_S)


@dataclass(slots=True, kw_only=True)
class _Seen:
    since_ns: int
    is_told: bool = False


class _Watched:
    """One database."""

    def __init__(
        self, name: str, branches: Branches, recorder: Recorder, over: threading.Event
    ) -> None:
        self._name = name
        self._branches = branches
        self._recorder = recorder
        self._over = over
        self._wall_offset_ns = time.monotonic_ns() - time.time_ns()
        self._seen: dict[str, _Seen] = {}
        self._waits: dict[str, tuple[int, int]] = {}

    def watch(self) -> None:
        """Look until it is over; while the server does not answer, try again."""
        while not self._over.wait(LOOK_EVERY_S):
            try:
                with self._branches.looking() as looks:
                    self._look(looks)
                    while not self._over.wait(LOOK_EVERY_S):
                        self._look(looks)
            except DtxError:
                continue  # killed, paused, or starting: nothing is known of its branches meanwhile
        self._end_waits(set(self._waits))

    def _look(self, looks: BranchLooks) -> None:
        there = {row.gid: row for row in looks.prepared()}
        now_ns = time.monotonic_ns()
        for gid in self._seen.keys() - there.keys():
            if self._seen.pop(gid).is_told:
                self._recorder.append(BranchEnded(at_ns=now_ns, participant=self._name, gid=gid))
        for row in there.values():
            self._seen.setdefault(row.gid, _Seen(since_ns=self._since(row, now_ns)))
        self._tell_new(looks, there, now_ns)
        self._see_waits(looks, now_ns)

    def _since(self, row: PreparedRow, now_ns: int) -> int:
        return now_ns if row.since_ns is None else min(row.since_ns + self._wall_offset_ns, now_ns)

    def _tell_new(self, looks: BranchLooks, there: Mapping[str, PreparedRow], now_ns: int) -> None:
        limit_ns = now_ns - int(BLOCKED_AFTER_S * 1e9)
        new = [
            gid
            for gid, seen in self._seen.items()
            if not seen.is_told and seen.since_ns <= limit_ns
        ]
        rows = looks.rows(new) if new else {}
        for gid in new:
            self._seen[gid].is_told = True
            self._recorder.append(
                BranchInDoubt(
                    at_ns=now_ns,
                    participant=self._name,
                    gid=gid,
                    name=there[gid].name or gid,
                    since_ns=self._seen[gid].since_ns,
                    rows=rows.get(gid),
                )
            )

    def _see_waits(self, looks: BranchLooks, now_ns: int) -> None:
        told = [gid for gid, seen in self._seen.items() if seen.is_told]
        waiters = {waiter.session: waiter for waiter in looks.waiters(told)} if told else {}
        self._end_waits(self._waits.keys() - waiters.keys())
        for session, waiter in waiters.items():
            began_ns = now_ns
            if waiter.since_ns is not None:
                began_ns = min(waiter.since_ns + self._wall_offset_ns, now_ns)
            since_ns, _ = self._waits.get(session, (began_ns, now_ns))
            self._waits[session] = (since_ns, now_ns)

    def _end_waits(self, sessions: set[str]) -> None:
        for session in sorted(sessions):
            since_ns, until_ns = self._waits.pop(session)
            self._recorder.append(
                LockWait(at_ns=until_ns, participant=self._name, session=session, since_ns=since_ns)
            )
