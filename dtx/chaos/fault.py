"""What a fault is: which targets it can have in a system, and the wound that it makes while a window is on."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from dtx.chaos.timer import Timer
from dtx.config.model import System
from dtx.core.history import LinkEvidence, NodeEvidence
from dtx.core.ports import (
    CrashPoints,
    Durability,
    InFlight,
    Links,
    Nodes,
    Recorder,
    RowLocks,
    Sessions,
)
from dtx.core.schedule import Layer, Proof, Step, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """All that the nemesis may touch of a running environment."""

    links: Links
    nodes: Nodes
    crash_points: CrashPoints
    sessions: Sessions
    row_locks: RowLocks
    durability: Durability
    recorder: Recorder
    in_flight: InFlight


Draw = Callable[[random.Random, float, float | None], tuple[Step, ...]]
"""(chance, length of the window in s, `every` in s or None) -> the changes within the window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """What a fault can hurt, given its argument and scope.

    Attributes:
        targets: links or nodes, in order of the system's file, never empty.
        take: how many of them are hurt, drawn by the seed; 0 is all at once.
        needs_traffic: whether a target must have carried traffic in the warm-up to be drawn.
        max_nth: the seed draws `Window.nth` from 1 to this.
        length_s: how long the fault holds when the user does not say; None is half of the run.
        proof: what must be seen, where the argument decides it; else the fault's own.
        draw: makes `Window.steps`, for faults that change while they are on.
    """

    targets: tuple[str, ...]
    take: int = 0
    needs_traffic: bool = False
    max_nth: int = 1
    length_s: float | None = None
    proof: Proof | None = None
    draw: Draw | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was counted while a wound was open, for the vacuity check."""

    links: tuple[LinkEvidence, ...] = ()
    nodes: tuple[NodeEvidence, ...] = ()


class Wound(Protocol):
    """One window of a fault on its targets, from injecting to healing; used by one thread."""

    watch_every_s: float
    """How often `watch` wants to be called."""

    def aim(self) -> None:
        """Wait, bounded, for a moment at which the fault meets live work."""

    def inject(self) -> None:
        """Hurt the targets.

        Raises:
            DtxError: a target refused; those before it are hurt, and `heal` must be called all the same.
        """

    def watch(self) -> bool:
        """Take a sample; return True once the fault is over by itself, so that it can be healed early.

        Raises:
            DtxError: a target did not answer.
        """

    def heal(self) -> None:
        """Undo everything, in whatever state; try every target even if one fails.

        Raises:
            DtxError: what could not be healed.
        """

    def evidence(self) -> Evidence:
        """Return what was seen; complete after `heal`."""


class Fault(Protocol):
    """One kind of fault: a stateless value in the registry.

    Attributes:
        name: as users write it.
        layer: what it hurts.
        proof: what must be seen for it to have landed.
        summary: one line, for `dtx list faults`.
        argument: what stands behind the colon, in words; empty when it takes no argument.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def layer(self) -> Layer: ...  # noqa: D102
    @property
    def proof(self) -> Proof: ...  # noqa: D102
    @property
    def summary(self) -> str: ...  # noqa: D102
    @property
    def argument(self) -> str: ...  # noqa: D102

    def candidates(self, system: System, *, scope: str | None, argument: str | None) -> Candidates:
        """Return what it can hurt.

        Raises:
            UsageError: scope or argument name nothing that this fault can hurt in this system.
            UnfitError: the system has nothing at all that it could hurt.
        """

    def wound(self, window: Window, targets: tuple[str, ...], ports: Ports, timer: Timer) -> Wound:
        """Return the wound of one window, not yet injected."""


@runtime_checkable
class OptionalArgument(Protocol):
    """A fault whose argument may be left out: what is then meant; empty for no argument at all."""

    @property
    def default(self) -> str | None: ...  # noqa: D102


@runtime_checkable
class Varied(Protocol):
    """A fault of which a random schedule takes one of several arguments; empty for none."""

    def variations(self, system: System) -> Sequence[str]:
        """Return the arguments."""


def default_argument(fault: Fault) -> str | None:
    """Return what a left-out argument means, empty for none at all; None if it must be given."""
    if isinstance(fault, OptionalArgument):
        return fault.default
    return None if fault.argument else ""
