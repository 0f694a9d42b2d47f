"""Requests rendered from the templates of `[client]`: node references once, fields for each transaction."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from dtx.config.model import Reference, Request, Template
from dtx.core.history import FieldValue
from dtx.workload.generators import Transaction

Resolve = Callable[[Reference], str]
"""Turns `{workers.orders.url}` into the address that the client must use."""
Fields = Callable[[str], FieldValue]
"""Returns a field of the transaction at hand."""


class RequestRenderer:
    """Renders URL and body of `[client].request`."""

    def __init__(self, request: Request, resolve: Resolve) -> None:
        self.method = request.method
        self._urls = tuple(_bind(url, resolve) for url in request.urls)
        self._json = _bind_json(request.json, resolve)
        self.has_body = request.json is not None

    @property
    def addresses(self) -> int:
        """How many URLs there are."""
        return len(self._urls)

    def url(self, transaction: Transaction, number: int = 0) -> str:
        """Return a URL, the first one by default, its fields escaped."""
        return _render_url(self._urls[number], transaction.value)

    def body(self, transaction: Transaction) -> Any:
        """Return the JSON value: a string that is nothing but one field keeps the field's type."""
        return _render_json(self._json, transaction.value)


class OutcomeUrl:
    """Renders a URL that tells what became of a transaction."""

    def __init__(self, url: Template, resolve: Resolve) -> None:
        self._url = _bind(url, resolve)

    def of(self, transaction: Transaction) -> str:
        """Return the URL, its fields escaped."""
        return _render_url(self._url, transaction.value)


def _bind(template: Template, resolve: Resolve) -> Template:
    """Replace references to nodes, which never change in a run; fields stay."""
    parts = (
        resolve(part) if isinstance(part, Reference) and part.kind else part
        for part in template.parts
    )
    return Template(parts=tuple(parts))


def _bind_json(value: Any, resolve: Resolve) -> Any:
    match value:
        case Template():
            return _bind(value, resolve)
        case dict():
            return {key: _bind_json(item, resolve) for key, item in value.items()}
        case list() | tuple():
            return [_bind_json(item, resolve) for item in value]
        case _:
            return value


def _render_json(value: Any, field: Fields) -> Any:
    match value:
        case Template(parts=(Reference() as only,)):
            return field(only.field)
        case Template():
            return value.render(lambda reference: _text(field(reference.field)))
        case dict():
            return {key: _render_json(item, field) for key, item in value.items()}
        case list():
            return [_render_json(item, field) for item in value]
        case _:
            return value


def _render_url(url: Template, field: Fields) -> str:
    return url.render(lambda reference: quote(_text(field(reference.field)), safe=""))


def _text(value: FieldValue) -> str:
    """Return a field inside a longer string, booleans as JSON writes them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
