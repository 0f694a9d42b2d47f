"""The faults, one a file, and the registry of them all."""

from types import MappingProxyType
from typing import Final

from dtx.chaos.fault import Fault
from dtx.chaos.faults import (
    crash_at,
    cut_at,
    flap,
    fragment,
    jitter,
    kill,
    lock,
    lose_reply,
    lose_request,
    none,
    partition,
    pause,
    power_loss,
    refuse,
    reset,
    restart,
    slow,
    slow_close,
    stall,
    terminate_backends,
    throttle,
    zombie,
)
from dtx.chaos.link_wound import LinkFault

_ON_LINKS: Final[tuple[LinkFault, ...]] = (
    partition.FAULT,
    lose_request.FAULT,
    lose_reply.FAULT,
    stall.STALL,
    stall.STALL_REQUEST,
    stall.STALL_REPLY,
    refuse.FAULT,
    reset.FAULT,
    cut_at.FAULT,
    slow.FAULT,
    jitter.FAULT,
    throttle.FAULT,
    fragment.FAULT,
    slow_close.FAULT,
)
_ALL: Final[tuple[Fault, ...]] = (
    *_ON_LINKS,
    flap.Flap({fault.name: fault for fault in _ON_LINKS}),
    kill.FAULT,
    power_loss.FAULT,
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
