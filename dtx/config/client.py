"""The section [client]: what is submitted, what an answer means, what a transaction leaves where."""

from collections.abc import Iterator, Mapping, MutableSequence

from dtx.config.expression import parse_expression
from dtx.config.fields import TX, bounds_of, parse_fields
from dtx.config.model import CLIENT, Client, Database, Expression, FieldGenerator
from dtx.config.outcome import parse_outcome
from dtx.config.place import shown
from dtx.config.references import Mention
from dtx.config.request import METHODS, Sender, mention_urls, parse_request
from dtx.config.table import Table, Value
from dtx.core.observation import Shape

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
        sender = Sender(source=CLIENT, fields=(TX, *fields), mentions=mentions)
        timeout, outcome = table.get("timeout_s"), table.get("outcome")
        statuses = _statuses(table)
        client = Client(
            request=parse_request(table.need("request"), sender, method=METHODS[0]),
            timeout_s=timeout.seconds() if timeout else TIMEOUT_S,
            ok=statuses["ok"],
            fail=statuses["fail"],
            accepted=statuses["accepted"],
            outcome=parse_outcome(outcome) if outcome else None,
            participants=dict(_participants(table.need("participants"), databases, fields)),
            fields=fields,
            keys=dict(_keys(table.section("keys"), databases, fields)),
        )
    if outcome and client.outcome:
        url = outcome.table().need("url")
        mention_urls(url, client.outcome.urls, sender)
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


def _keys(
    section: Table, databases: Mapping[str, Database], fields: Mapping[str, FieldGenerator]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, value in section.entries():
        if name not in databases:
            raise value.place.no_such(f"there is no database {shown(name)}", name, databases)
        items = [value] if isinstance(value.raw, str) else value.filled_array()
        for item in items:
            if item.text() not in fields:
                raise item.place.no_such(
                    f"there is no field {shown(item.text())}", item.text(), fields
                )
        yield name, tuple(item.text() for item in items)
