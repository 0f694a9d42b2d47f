"""Faults with `each` in them: one fault for every crash point, node or link that a system has."""

import re
from collections.abc import Sequence

from dtx.config.model import System
from dtx.core.errors import UsageError

_EACH_POINT = re.compile(r"^(?P<name>[a-z-]+):each(?P<rest>.*)$")
_EACH_PLACE = re.compile(r"^(?P<head>(?P<name>[a-z-]+)(:[^@,]+)?)@each(?P<rest>.*)$")
_NODE_FAULTS = frozenset({"kill"})


def expand(faults: Sequence[str], system: System) -> tuple[str, ...]:
    """Return the faults with `crash-at:each`, `kill@each` and `partition@each` written out for the system.

    `crash-at:each` is one fault for each crash point, `kill@each` for each database and worker, a link fault
    `@each` for each link between nodes.

    Raises:
        UsageError: the system has nothing of the kind.
    """
    found: list[str] = []
    for fault in faults:
        written = _expand_one(fault, system)
        if not written:
            raise UsageError(f"--fault {fault}: {system.name} has nothing that this could be")
        found.extend(written)
    return tuple(dict.fromkeys(found))


def _expand_one(fault: str, system: System) -> list[str]:
    point = _EACH_POINT.match(fault)
    if point:
        return [
            f"{point['name']}:{crash_point}@{worker.name}{point['rest']}"
            for worker in system.workers.values()
            for crash_point in worker.crash_points
        ]
    place = _EACH_PLACE.match(fault)
    if place:
        places = (
            system.nodes
            if place["name"] in _NODE_FAULTS
            else [link.name for link in system.inner_links]
        )
        return [f"{place['head']}@{one}{place['rest']}" for one in places]
    return [fault]
