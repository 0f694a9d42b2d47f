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
    unanswered: bytes went in, and no request that came after the injection was answered.
    lost-request: the same, and the requests were dropped.
    refused: connections that were in use were closed, and none was there until healing.
    reset: replies were dropped, and the connections that they were for were closed.
    cut: connections were closed after exactly so many bytes.
    late: requests that came after the injection were answered, and most answers took at least the delay.
    pieces: replies left the proxy in more segments than they had pieces of the size.
    late-close: the source closed connections, and the proxy kept them for at least the delay.
    death: an unfinished transaction and an open connection met the killed process tree.
    restart: as death, but the process tree ended by itself when it was asked to.
    pause: an unfinished transaction and an open connection met the stopped process tree, which said nothing
        until it went on.
    sessions: sessions in the midst of work were ended by their database.
    locks: somebody waited for rows that the harness held.
    power-loss: as death, and durable files were there of which all that was synced is known.
    crash: the worker reached the named point and killed itself there.
    """

    SILENCE = "silence"
    LOST_REPLY = "lost-reply"
    UNANSWERED = "unanswered"
    LOST_REQUEST = "lost-request"
    REFUSED = "refused"
    RESET = "reset"
    CUT = "cut"
    LATE = "late"
    PIECES = "pieces"
    LATE_CLOSE = "late-close"
    DEATH = "death"
    CRASH = "crash"
    POWER_LOSS = "power-loss"
    RESTART = "restart"
    PAUSE = "pause"
    SESSIONS = "sessions"
    LOCKS = "locks"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A change within a window, `at_s` after the window's own begin.

    `value` is what the fault makes of it: a delay in ms for jitter, 1 for on and 0 for off for flap.
    """

    at_s: float
    value: int


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """One fault on, from `at_s` to `until_s` after the main phase begins.

    `targets` are links or nodes, ranked by the seed; the first `take` that qualify are hurt, all of them
    if `take` is 0. With `needs_traffic` a target qualifies when it carried traffic in the warm-up.
    `nth` is which pass of crash point `arg` dies. `steps` are changes while it is on, in order of time.
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
    steps: tuple[Step, ...] = ()

    @property
    def name(self) -> str:
        """The fault as a user writes it, without its scope: `crash-at:after-debit`."""
        return f"{self.fault}:{self.arg}" if self.arg else self.fault


class Omission(msgspec.Struct, frozen=True, kw_only=True):
    """A window that the seed did not draw: the fault as it was asked for, and how likely it was."""

    fault: str
    at_s: float
    until_s: float
    chance: float


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """All windows of a run, in order of `at_s`, and the words of the user that they came from.

    `omitted` are windows that had a chance and did not come: they were asked for, and the run says nothing of them.
    """

    text: str
    seed: int
    duration_s: float
    windows: tuple[Window, ...]
    omitted: tuple[Omission, ...] = ()

    def losing_power(self) -> tuple[str, ...]:
        """Return the workers of which it must be known what they sync."""
        losing = (w.targets for w in self.windows if w.proof is Proof.POWER_LOSS)
        return tuple(dict.fromkeys(target for targets in losing for target in targets))
