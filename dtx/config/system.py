"""From resolved tables to a System: every section is read, names and references are checked."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dtx.config.client import parse_client
from dtx.config.contract import parse_contract
from dtx.config.databases import parse_databases
from dtx.config.model import CLIENT, Database, System, Worker
from dtx.config.offers import parse_offers
from dtx.config.place import Place, shown
from dtx.config.references import Mention, find_links
from dtx.config.table import Table
from dtx.config.toml_file import require_plain
from dtx.config.workers import parse_workers

RESERVED = (CLIENT, "databases", "brokers", "workers")
"""Names that mean something in links and faults, so that no node can have them."""


def parse_system(tables: Mapping[str, Any], *, name: str, folder: Path, source: str) -> System:
    """Read resolved tables, as `System.tables` has them or plan.json kept them; no file is looked at.

    Args:
        tables: the tables of system.toml with overlays applied; kept in the System as they are.
        name: the system's name.
        folder: where its file stands.
        source: the file's name for error messages.

    Raises:
        ConfigError: a table is wrong; the message names source and key.
    """
    place = Place(source)
    require_plain(tables, place)
    mentions: list[Mention] = []
    top = Table(place, tables)
    top.refuse("brokers", "this dtx brings up no brokers")
    top.refuse("readers", "this dtx has no reading clients")
    with top:
        title = parse_title(top)
        databases = parse_databases(top.section("databases"), folder)
        workers = parse_workers(top.section("workers"), mentions)
        _check_names(place, databases, workers)
        client = parse_client(top.need("client"), databases, mentions)
        contract = parse_contract(top.need("contract"), databases)
        offers = parse_offers(top)
    return System(
        name=name,
        folder=folder,
        title=title,
        databases=databases,
        workers=workers,
        client=client,
        contract=contract,
        links=find_links(mentions, databases, workers),
        variants=offers.variants,
        workloads=offers.workloads,
        options=offers.options,
        tables=tables,
    )


def parse_title(top: Table) -> str:
    """Read [system], which has only a title."""
    with top.need("system").table() as table:
        return table.need("title").text()


def _check_names(
    place: Place, databases: Mapping[str, Database], workers: Mapping[str, Worker]
) -> None:
    for section, names in (("databases", databases), ("workers", workers)):
        for name in names:
            if name in RESERVED:
                raise place.at(section).at(name).error(f"the name {shown(name)} is reserved")
    for name, worker in workers.items():
        at = place.at("workers").at(name)
        if name in databases:
            raise at.error(f"{shown(name)} is already the name of a database", hint="rename one")
        role = worker.role
        if role in RESERVED or (role != name and (role in databases or role in workers)):
            # A fault's scope may be a role or a node: it must be clear which.
            raise at.at("role").error(f"{shown(role)} is already the name of something else")
