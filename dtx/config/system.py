"""From resolved tables to a System: every section is read, names and references are checked."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dtx.config.client import parse_client
from dtx.config.contract import parse_contract
from dtx.config.databases import parse_databases
from dtx.config.model import CLIENT, Database, Link, Reader, System, Worker
from dtx.config.offers import SECTIONS, parse_heading, parse_offers
from dtx.config.place import Place, shown
from dtx.config.readers import parse_readers
from dtx.config.references import Mention, find_links
from dtx.config.table import Table
from dtx.config.toml_file import require_plain
from dtx.config.workers import parse_workers

RESERVED = (CLIENT, "databases", "brokers", "workers", "readers")
"""Names that mean something in links and faults, so that no node and no reader can have them."""


def parse_system(
    tables: Mapping[str, Any],
    *,
    name: str,
    folder: Path,
    source: str,
    workload: str | None = None,
) -> System:
    """Read resolved tables, as `System.tables` has them or plan.json kept them; no file is looked at.

    Args:
        tables: the tables of system.toml with overlays applied; kept in the System as they are.
        name: the system's name.
        folder: where its file stands.
        source: the file's name for error messages.
        workload: the one whose overlay was applied.

    Raises:
        ConfigError: a table is wrong; the message names source and key.
    """
    place = Place(source)
    require_plain(tables, place)
    mentions: list[Mention] = []
    top = Table(place, tables)
    top.refuse("brokers", "this dtx brings up no brokers")
    with top:
        heading = parse_heading(top)
        databases = parse_databases(top.section("databases"), folder)
        workers = parse_workers(top.section("workers"), mentions)
        client = parse_client(top.need("client", among=SECTIONS), databases, mentions)
        readers = parse_readers(top.section("readers"), databases, mentions)
        _check_names(place, databases, workers, readers)
        contract = parse_contract(top.need("contract", among=SECTIONS), databases)
        offers = parse_offers(top)
    links = find_links(mentions, databases, workers)
    _check_seldom(place, workers, links)
    return System(
        name=name,
        folder=folder,
        title=heading.title,
        setup=heading.setup,
        databases=databases,
        workers=workers,
        client=client,
        contract=contract,
        links=links,
        workload=workload,
        variants=offers.variants,
        workloads=offers.workloads,
        options=offers.options,
        tables=tables,
        readers=readers,
    )


def _check_seldom(place: Place, workers: Mapping[str, Worker], links: Sequence[Link]) -> None:
    for name, worker in workers.items():
        called = [link.destination for link in links if link.source == name]
        for index, seldom in enumerate(worker.calls_seldom):
            if seldom not in called:
                at = place.at("workers").at(name).at("calls_seldom").at(index)
                raise at.no_such(f"{name} has no link to {shown(seldom)}", seldom, called)


def _check_names(
    place: Place,
    databases: Mapping[str, Database],
    workers: Mapping[str, Worker],
    readers: Mapping[str, Reader],
) -> None:
    owners: dict[str, str] = {}
    for kind, names in (("database", databases), ("worker", workers), ("reader", readers)):
        for name in names:
            at = place.at(f"{kind}s").at(name)
            if name in RESERVED:
                raise at.error(f"the name {shown(name)} is reserved")
            if name in owners:
                raise at.error(
                    f"{shown(name)} is already the name of a {owners[name]}", hint="rename one"
                )
            owners[name] = kind
    for name, worker in workers.items():
        role = worker.role
        if role is not None and role != name and role in owners:
            # A fault's scope may be a role, a node or a reader: it must be clear which.
            raise (
                place.at("workers")
                .at(name)
                .at("role")
                .error(f"{shown(role)} is already the name of something else")
            )
