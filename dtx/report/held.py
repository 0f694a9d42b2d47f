"""An environment that is held: where everything is, how to look, how to hurt it by hand, and how to end it."""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from dtx.core.held import HeldEnvironment
from dtx.report import colours
from dtx.report.wording import clean


def print_held(console: Console, held: HeldEnvironment) -> None:
    """Print the page; what can be pasted into a shell stays on one line."""
    for line in _page(held):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def held_document(held: HeldEnvironment) -> dict[str, Any]:
    """Return the same as plain values, with the variables of `env_of`."""
    document: dict[str, Any] = msgspec.to_builtins(held)
    return document | {"logs": f"{held.folder}/logs", "env": dict(env_of(held)), "end": _end(held)}


def env_of(held: HeldEnvironment) -> Mapping[str, str]:
    """Return names for a shell -> addresses: of each node, straight, and of each link, through its proxy."""
    nodes = {f"{_variable(name)}_URL": url for name, url in (held.databases | held.workers).items()}
    links = {
        f"{_variable(name.replace('->', '_TO_'))}": link.listen for name, link in held.links.items()
    }
    return nodes | links | {"TOXIPROXY_URL": held.toxiproxy}


def _page(held: HeldEnvironment) -> Iterator[Text]:
    yield Text.assemble(
        (f"{clean(held.system)} is held open as {held.id}", colours.HEADING),
        f", runtime {held.runtime}",
    )
    yield from _listed("Databases", {n: f"psql {url}" for n, url in held.databases.items()})
    yield from _listed("Workers", held.workers)
    yield from _listed("Links, through proxies", {n: link.listen for n, link in held.links.items()})
    yield Text("By hand", style=colours.HEADING)
    yield from _rows(_by_hand(held))


def _by_hand(held: HeldEnvironment) -> Mapping[str, str]:
    rows = {"submit": _curl(held)}
    # The client's own link tells least, and one between workers most.
    inner = sorted(held.links, key=lambda name: _interest(name, held), reverse=True)
    for link in inner[:1]:
        proxy = f"{held.toxiproxy}/proxies/{held.links[link].proxy}"
        rows[f"cut {link}"] = f"curl -s {proxy} -d '{{\"enabled\": false}}'"
        rows["mend it"] = f"curl -s {proxy} -d '{{\"enabled\": true}}'"
    return rows | {"logs": f"{held.folder}/logs", "end it": _end(held)}


def _interest(link: str, held: HeldEnvironment) -> int:
    source, _, destination = link.partition("->")
    return (source in held.workers) + (destination in held.workers and source in held.workers)


def _curl(held: HeldEnvironment) -> str:
    sample = held.sample
    words = ["curl", "-i", "-X", sample.method, sample.url]
    if sample.json is not None:
        body = msgspec.json.encode(sample.json).decode()
        words += ["-H", "Content-Type: application/json", "-d", body]
    return shlex.join(words)


def _end(held: HeldEnvironment) -> str:
    return f"dtx down {held.id}"


def _listed(heading: str, rows: Mapping[str, str]) -> Iterator[Text]:
    if rows:
        yield Text(heading, style=colours.HEADING)
        yield from _rows(rows)


def _rows(rows: Mapping[str, str]) -> Iterator[Text]:
    width = max(map(len, rows), default=0)
    for name, words in rows.items():
        yield Text.assemble(f"  {clean(name):{width}}  ", clean(words))


def _variable(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name.upper())
