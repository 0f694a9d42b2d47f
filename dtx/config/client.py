"""The section [client]: what is submitted, what an answer means, what a transaction leaves where."""

from collections.abc import Iterator, Mapping, MutableSequence
from typing import Any

from dtx.config.expression import parse_expression
from dtx.config.fields import TX, bounds_of, parse_fields
from dtx.config.model import CLIENT, Client, Database, Expression, FieldGenerator, Request, Template
from dtx.config.outcome import parse_outcome
from dtx.config.place import shown
from dtx.config.references import Mention
from dtx.config.table import Table, Value
from dtx.config.template import parse_template
from dtx.core.observation import Shape

METHODS = ("POST", "PUT", "PATCH", "GET", "DELETE")
TIMEOUT_S = 3.0


def parse_client(
    value: Value, databases: Mapping[str, Database], mentions: MutableSequence[Mention]
) -> Client:
    """Read the client; its templates are added to `mentions`, to be checked once all nodes are known.

    Raises:
        ConfigError: a key is wrong.
    """
    with value.table() as table:
        fields = parse_fields(table.section("fields"))
        timeout, outcome = table.get("timeout_s"), table.get("outcome")
        statuses = _statuses(table)
        client = Client(
            request=_request(table.need("request"), (TX, *fields), mentions),
            timeout_s=timeout.seconds() if timeout else TIMEOUT_S,
            ok=statuses["ok"],
            fail=statuses["fail"],
            accepted=statuses["accepted"],
            outcome=parse_outcome(outcome) if outcome else None,
            participants=dict(_participants(table.need("participants"), databases, fields)),
            fields=fields,
        )
    if outcome and client.outcome:
        url = outcome.table().need("url")
        _mention_url(url, client.outcome.url, (TX, *fields), mentions)
    elif client.accepted:
        raise table.place.at("accepted").error(
            "nothing says how to ask what became of an accepted transaction", hint="add outcome"
        )
    return client


def _statuses(table: Table) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    meaning: dict[int, str] = {}
    for kind in ("ok", "fail", "accepted"):
        value = table.need(kind) if kind == "ok" else table.get(kind)
        items = () if value is None else value.filled_array() if kind == "ok" else value.array()
        for item in items:
            # A 5xx tells nothing about what was done: it is always `info`.
            status = item.whole(200, 499)
            if status in meaning:
                raise item.place.error(f"{status} already stands in {meaning[status]}")
            meaning[status] = kind
        found[kind] = tuple(item.whole() for item in items)
    return found


def _request(value: Value, fields: tuple[str, ...], mentions: MutableSequence[Mention]) -> Request:
    with value.table() as table:
        method, url, body = table.get("method"), table.need("url"), table.get("json")
        template = parse_template(url.text(), url.place)
        _mention_url(url, template, fields, mentions)
        return Request(
            method=_method(method) if method else METHODS[0],
            url=template,
            json=_body(body, fields, mentions) if body else None,
        )


def _mention_url(
    value: Value, url: Template, fields: tuple[str, ...], mentions: MutableSequence[Mention]
) -> None:
    if not any(reference.kind for reference in url.references):
        # An address written out would go around the proxies, where no fault can reach it.
        raise value.place.error(
            f"{shown(value.raw)} refers to no worker", hint='begin it with "{workers.NAME.url}"'
        )
    mentions.append(
        Mention(place=value.place, source=CLIENT, template=url, plain=fields, kinds=("workers",))
    )


def _method(value: Value) -> str:
    method = value.text()
    if method not in METHODS:
        raise value.place.no_such(f"there is no method {shown(method)}", method.upper(), METHODS)
    return method


def _body(value: Value, fields: tuple[str, ...], mentions: MutableSequence[Mention]) -> Any:
    if isinstance(value.raw, str):
        template = parse_template(value.raw, value.place)
        mentions.append(
            Mention(place=value.place, source=CLIENT, template=template, plain=fields, kinds=())
        )
        return template
    if isinstance(value.raw, Mapping):
        return {key: _body(item, fields, mentions) for key, item in value.table().entries()}
    if isinstance(value.raw, list | tuple):
        return [_body(item, fields, mentions) for item in value.array()]
    return value.raw


def _participants(
    value: Value, databases: Mapping[str, Database], fields: Mapping[str, FieldGenerator]
) -> Iterator[tuple[str, Expression]]:
    bounds = bounds_of(fields)
    table = value.table()
    for name, amount in table.entries():
        if name not in databases:
            raise amount.place.no_such(f"there is no database {shown(name)}", name, databases)
        if Shape.EFFECTS not in databases[name].observe:
            raise amount.place.error(
                f"nothing says what a transaction did to {shown(name)}",
                hint=f"add [databases.{name}.observe] effects",
            )
        text = amount.text() if isinstance(amount.raw, str) else str(amount.whole())
        yield name, parse_expression(text, bounds, amount.place)
    if not databases or not value.raw:
        raise value.place.error("must name one database or more: without any nothing is judged")
