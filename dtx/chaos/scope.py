"""Scopes: the part of a fault behind the `@`, resolved to links or nodes of one system.

A link `a->b`, `a->*`, `*->b`; a node; `*`; or an aggregate: `coordinator` (workers with that role), `databases`,
`workers`. A node of the system that has the name of an aggregate wins over it.
"""

from dtx.chaos.nearest import unknown
from dtx.config.model import CLIENT, COORDINATOR, System
from dtx.core.errors import UnfitError, UsageError

ARROW = "->"
EVERYTHING = "*"


def inner_links(system: System) -> tuple[str, ...]:
    """Return all links between nodes."""
    return tuple(link.name for link in system.inner_links)


def links_in(system: System, scope: str) -> tuple[str, ...]:
    """Return the links that a scope means; for nodes, every link that begins or ends at one of them.

    `*` leaves the client's links out: with the client cut off, nothing would reach the others. Readers only look
    on, so their links are meant only where the reader is named: traffic of theirs must not make a fault land.

    Raises:
        UsageError: the scope names nothing, or no link.
    """
    if scope == EVERYTHING:
        found = inner_links(system)
    elif ARROW in scope:
        found = _matching(system, scope)
    else:
        is_source = scope == CLIENT or scope in system.readers
        ends = {scope} if is_source else set(nodes_in(system, scope))
        found = tuple(
            link.name
            for link in system.links
            if link.source in ends
            or (link.destination in ends and link.source not in system.readers)
        )
    if not found:
        raise UsageError(
            f"no link of {system.name} is in @{scope}",
            hint=f"links: {', '.join(link.name for link in system.links) or 'none'}",
        )
    return found


def nodes_in(system: System, scope: str) -> tuple[str, ...]:
    """Return the nodes that a scope means, databases first, in order of the file.

    Raises:
        UsageError: the scope is a link, names nothing, or is an aggregate that is empty here.
    """
    if ARROW in scope:
        raise UsageError(
            f"@{scope} is a link, but this fault hurts a worker or a database",
            hint=f"name one of: {', '.join(system.nodes)}",
        )
    if scope in system.nodes:
        return (scope,)
    aggregates = {
        EVERYTHING: system.nodes,
        COORDINATOR: tuple(n for n, w in system.workers.items() if w.role == COORDINATOR),
        "databases": tuple(system.databases),
        "workers": tuple(system.workers),
    }
    if scope not in aggregates:
        raise unknown("node or group of nodes", scope, (*system.nodes, *aggregates))
    if not aggregates[scope]:
        raise UsageError(
            f"@{scope}: {system.name} has none", hint=f"nodes: {', '.join(system.nodes) or 'none'}"
        )
    return aggregates[scope]


def databases_in(system: System, scope: str | None) -> tuple[str, ...]:
    """Return the databases that a scope means; all of them without one.

    Raises:
        UsageError: the scope means no database.
        UnfitError: there is none at all.
    """
    if not system.databases:
        raise UnfitError(f"{system.name} has no database", hint=f"nodes: {', '.join(system.nodes)}")
    if scope is None:
        scope = EVERYTHING
    found = tuple(node for node in nodes_in(system, scope) if node in system.databases)
    if not found:
        raise UsageError(
            f"no database of {system.name} is in @{scope}",
            hint=f"databases: {', '.join(system.databases) or 'none'}",
        )
    return found


def _matching(system: System, scope: str) -> tuple[str, ...]:
    source, _, destination = scope.partition(ARROW)
    found = tuple(
        link.name
        for link in system.links
        if destination in (EVERYTHING, link.destination)
        and (source == link.source or (source == EVERYTHING and link.source not in system.readers))
    )
    if not found:
        raise unknown("link", scope, [link.name for link in system.links])
    return found
