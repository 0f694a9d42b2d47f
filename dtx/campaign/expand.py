"""Faults with `each` in them: one fault for every crash point, node or link that a system has."""

import contextlib
import re
from collections.abc import Sequence

from dtx.chaos.faults import FAULTS
from dtx.chaos.grammar import parse_head
from dtx.config.model import System
from dtx.core.errors import UnfitError, UsageError
from dtx.core.schedule import Layer

_EACH_POINT = re.compile(r"^(?P<name>[a-z-]+):each(?P<rest>.*)$")
_EACH_PLACE = re.compile(r"^(?P<head>(?P<name>[a-z-]+)(:[^@,]+)?)@each(?P<rest>.*)$")


def expand(faults: Sequence[str], system: System) -> tuple[str, ...]:
    """Return the faults with `crash-at:each`, `kill@each` and `partition@each` written out for the system.

    `crash-at:each` is one fault for each crash point; a fault of nodes `@each` for each database and worker that it can hurt, a
    link fault for each link between nodes that is used without a failure.

    Raises:
        UnfitError: the system has nothing of the kind.
    """
    found: list[str] = []
    for fault in faults:
        written = _expand_one(fault, system)
        if not written:
            raise UnfitError(f"--fault {fault}: {system.name} has nothing that this could be")
        found.extend(written)
    return tuple(dict.fromkeys(found))


def seldom_used(fault: str, system: System) -> tuple[str, ...]:
    """Return what `@each` of a fault of links leaves out: links that carry traffic only after a failure.

    Alone it could not land there. Named, together with what makes a worker talk, it can.
    """
    place = _EACH_PLACE.match(fault)
    if place is None or not _is_of_links(place["name"]):
        return ()
    links = [link.name for link in system.inner_links if system.is_seldom_used(link)]
    return tuple(f"{place['head']}@{link}{place['rest']}" for link in links)


def _is_of_links(name: str) -> bool:
    return name not in FAULTS or FAULTS[name].layer is Layer.LINK


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
        return [
            f"{place['head']}@{one}{place['rest']}"
            for one in _places(place["head"], place["name"], system)
        ]
    return [fault]


def _places(head: str, name: str, system: System) -> list[str]:
    """Return the nodes that the fault can hurt, or the links."""
    if _is_of_links(name):
        return [link.name for link in system.inner_links if not system.is_seldom_used(link)]
    fault, argument, _ = parse_head(head)
    found = []
    for node in system.nodes:
        with contextlib.suppress(UsageError):
            FAULTS[fault].candidates(system, scope=node, argument=argument)
            found.append(node)
    return found
