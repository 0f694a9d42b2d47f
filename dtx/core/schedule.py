"""Faults as plain data: what is hurt, when, for how long. Written to plan.json before anything starts."""

from enum import StrEnum

import msgspec


class Layer(StrEnum):
    """What a fault hurts."""

    LINK = "link"
    NODE = "node"


class Proof(StrEnum):
    """What must be seen while a fault is on for it to have landed; `verify.vacuity` judges it.

    silence: bytes went in from the source and none came back, and all of them came through after healing.
    lost-reply: bytes went in, the destination answered, and the answer was dropped.
    death: an unfinished transaction and an open connection met the killed process tree.
    restart: as death, but the process tree ended by itself when it was asked to.
    pause: an unfinished transaction and an open connection met the stopped process tree, which said nothing
        until it went on.
    sessions: sessions in the midst of work were ended by their database.
    locks: somebody waited for rows that the harness held.
    crash: the worker reached the named point and killed itself there.
    """

    SILENCE = "silence"
    LOST_REPLY = "lost-reply"
    DEATH = "death"
    CRASH = "crash"
    RESTART = "restart"
    PAUSE = "pause"
    SESSIONS = "sessions"
    LOCKS = "locks"


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """One fault on, from `at_s` to `until_s` after the main phase begins.

    `targets` are links or nodes, ranked by the seed; the first `take` that qualify are hurt, all of them
    if `take` is 0. With `needs_traffic` a target qualifies when it carried traffic in the warm-up.
    `nth` is which pass of crash point `arg` dies.
    """

    index: int
    fault: str
    layer: Layer
    proof: Proof
    targets: tuple[str, ...]
    at_s: float
    until_s: float
    arg: str | None = None
    take: int = 0
    needs_traffic: bool = False
    nth: int = 1

    @property
    def name(self) -> str:
        """The fault as a user writes it, without its scope: `crash-at:after-debit`."""
        return f"{self.fault}:{self.arg}" if self.arg else self.fault


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """All windows of a run, in order of `at_s`, and the words of the user that they came from."""

    text: str
    seed: int
    duration_s: float
    windows: tuple[Window, ...]
