"""HTTP requests of the clients, submitting and reading: method, URL, and a body with fields in it."""

from collections.abc import Mapping, MutableSequence, Sequence
from dataclasses import dataclass
from typing import Any

from dtx.config.model import CLIENT, Request, Template
from dtx.config.place import shown
from dtx.config.references import Mention
from dtx.config.table import Value
from dtx.config.template import parse_template

METHODS = ("POST", "PUT", "PATCH", "GET", "DELETE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Whose requests they are: the source of their links, the fields that they may have, and where these are noted."""

    source: str
    fields: tuple[str, ...]
    mentions: MutableSequence[Mention]


def parse_request(value: Value, sender: Sender, *, method: str) -> Request:
    """Read a request; `method` is the default. Its references are noted, to be checked once all nodes are known.

    Raises:
        ConfigError: a key is wrong, or the URL refers to no worker.
    """
    with value.table() as table:
        given, url, body = table.get("method"), table.need("url"), table.get("json")
        first, *others = parse_urls(url)
        mention_urls(url, (first, *others), sender)
        return Request(
            method=_method(given) if given else method,
            url=first,
            others=tuple(others),
            json=_body(body, sender) if body else None,
        )


def parse_urls(value: Value) -> tuple[Template, ...]:
    """Read a URL, or an array of them: at least one.

    Raises:
        ConfigError: it is neither, or one stands there twice.
    """
    templates: list[Template] = []
    for item in _items(value):
        template = parse_template(item.text(), item.place)
        if template in templates:
            raise item.place.error(f"{shown(item.raw)} stands here twice")
        templates.append(template)
    return tuple(templates)


def mention_urls(value: Value, urls: Sequence[Template], sender: Sender) -> None:
    """Note the references of URLs that were read from a value.

    Raises:
        ConfigError: one has none, so that no fault could reach what is sent there; or a reader has several.
    """
    if len(urls) > 1 and sender.source != CLIENT:
        raise value.place.error("a reader asks one address", hint="give it one URL")
    for item, url in zip(_items(value), urls, strict=True):
        _mention_url(item, url, sender)


def _items(value: Value) -> tuple[Value, ...]:
    return value.filled_array() if isinstance(value.raw, list | tuple) else (value,)


def _mention_url(value: Value, url: Template, sender: Sender) -> None:
    if not any(reference.kind for reference in url.references):
        # An address written out would go around the proxies, where no fault can reach it.
        raise value.place.error(
            f"{shown(value.raw)} refers to no worker", hint='begin it with "{workers.NAME.url}"'
        )
    sender.mentions.append(
        Mention(
            place=value.place,
            source=sender.source,
            template=url,
            plain=sender.fields,
            kinds=("workers",),
        )
    )


def _method(value: Value) -> str:
    method = value.text()
    if method not in METHODS:
        raise value.place.no_such(f"there is no method {shown(method)}", method.upper(), METHODS)
    return method


def _body(value: Value, sender: Sender) -> Any:
    if isinstance(value.raw, str):
        template = parse_template(value.raw, value.place)
        sender.mentions.append(
            Mention(
                place=value.place,
                source=sender.source,
                template=template,
                plain=sender.fields,
                kinds=(),
            )
        )
        return template
    if isinstance(value.raw, Mapping):
        return {key: _body(item, sender) for key, item in value.table().entries()}
    if isinstance(value.raw, list | tuple):
        return [_body(item, sender) for item in value.array()]
    return value.raw
