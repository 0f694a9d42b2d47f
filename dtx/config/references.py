"""References between nodes: every one is checked, and each from one node to another is a link."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dtx.config.model import Database, Link, Reference, Template, Worker
from dtx.config.place import Place
from dtx.config.template import written

DATABASE_FIELDS = ("url", "host", "port", "user", "password", "database", "jdbc")
WORKER_FIELDS = ("url", "host", "port")
PORT = "PORT"

_FIELDS = {"databases": DATABASE_FIELDS, "workers": WORKER_FIELDS}
_ONE = {"databases": "database", "workers": "worker"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A template that may refer to nodes.

    Attributes:
        place: where it stands.
        source: the worker that it is for, the client, or a reader.
        plain: the `{field}` references that it may have.
        kinds: the kinds of nodes that it may refer to.
    """

    place: Place
    source: str
    template: Template
    plain: tuple[str, ...]
    kinds: tuple[str, ...] = ("databases", "workers")


def find_links(
    mentions: Iterable[Mention], databases: Mapping[str, Database], workers: Mapping[str, Worker]
) -> tuple[Link, ...]:
    """Check every reference and return the links that they make, each once, in order.

    Raises:
        ConfigError: a reference to a node or field that does not exist or that it may not have.
    """
    links: dict[Link, None] = {}
    for mention in mentions:
        for reference in mention.template.references:
            if not reference.kind:
                _check_plain(mention, reference)
                continue
            _check_node(mention, reference, databases, workers)
            links[Link(source=mention.source, destination=reference.name)] = None
    return tuple(links)


def _check_plain(mention: Mention, reference: Reference) -> None:
    if reference.field in mention.plain:
        return
    if reference.field == PORT:
        raise mention.place.error("{PORT} is given only to a worker with http = true")
    raise mention.place.no_such(
        f"{written(reference)}: there is no such field", reference.field, mention.plain
    )


def _check_node(
    mention: Mention,
    reference: Reference,
    databases: Mapping[str, Database],
    workers: Mapping[str, Worker],
) -> None:
    place, what = mention.place, written(reference)
    kind, name = reference.kind, reference.name
    if not mention.kinds:
        raise place.error(f"{what}: only fields can stand here, such as {{tx}}")
    if kind not in mention.kinds:
        raise place.no_such(f'{what}: "{kind}" can\'t be referred to here', kind, mention.kinds)
    known: Mapping[str, Database | Worker] = databases if kind == "databases" else workers
    if name not in known:
        raise _absent(mention, reference, databases, workers)
    if reference.field not in _FIELDS[kind]:
        raise place.no_such(
            f'{what}: a {_ONE[kind]} has no field "{reference.field}"',
            reference.field,
            _FIELDS[kind],
        )
    if kind == "workers" and not workers[name].has_http:
        raise place.error(f'{what}: worker "{name}" listens nowhere', hint="give it http = true")
    if name == mention.source:
        raise place.error(f"{what}: a worker can't refer to itself", hint="use {PORT}")


def _absent(
    mention: Mention,
    reference: Reference,
    databases: Mapping[str, Database],
    workers: Mapping[str, Worker],
) -> Exception:
    kind, name = reference.kind, reference.name
    here, other = (databases, workers) if kind == "databases" else (workers, databases)
    what = f'{written(reference)}: there is no {_ONE[kind]} "{name}"'
    if name in other:
        right = "workers" if kind == "databases" else "databases"
        return mention.place.error(what, hint=f"it is one of the {right}: {{{right}.{name}.url}}")
    return mention.place.no_such(what, name, here)
