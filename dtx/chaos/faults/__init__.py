"""The faults, one a file, and the registry of them all."""

from types import MappingProxyType
from typing import Final

from dtx.chaos.fault import Fault
from dtx.chaos.faults import (
    crash_at,
    kill,
    lock,
    lose_reply,
    none,
    partition,
    pause,
    restart,
    terminate_backends,
    zombie,
)

_ALL: Final[tuple[Fault, ...]] = (
    partition.FAULT,
    lose_reply.FAULT,
    kill.FAULT,
    crash_at.FAULT,
    restart.FAULT,
    pause.FAULT,
    zombie.FAULT,
    terminate_backends.FAULT,
    lock.FAULT,
)

FAULTS: Final = MappingProxyType({fault.name: fault for fault in _ALL})
"""Every fault that makes a window, by name; `none` makes none."""

NONE: Final = none.NAME

SUMMARIES: Final = MappingProxyType(
    {none.NAME: none.SUMMARY} | {fault.name: fault.summary for fault in _ALL}
)
"""One line for each fault that a user may name, `none` first."""
