"""The section [databases]: a server of its own for each, and what it says about transactions."""

from collections.abc import Mapping
from pathlib import Path

from dtx.config.model import Database, DatabaseKind
from dtx.config.place import shown
from dtx.config.table import Table, Value
from dtx.core.observation import Shape

OBSERVED = (Shape.EFFECTS, Shape.PENDING, Shape.DECISIONS, Shape.WAITS)
"""The shapes that a database's queries may have; nothing reads others yet."""


def parse_databases(section: Table, folder: Path) -> Mapping[str, Database]:
    """Read every database; the schema's path is joined to `folder`, its existence is not asked.

    Raises:
        ConfigError: a key is wrong.
    """
    return {name: _database(name, value, folder) for name, value in section.named()}


def _database(name: str, value: Value, folder: Path) -> Database:
    with value.table() as table:
        schema = table.get("schema")
        return Database(
            name=name,
            kind=_kind(table.need("kind")),
            schema=folder / schema.text() if schema else None,
            observe=_observe(table.section("observe")),
            residue={key: sql.text() for key, sql in table.section("residue").named()},
        )


def _kind(value: Value) -> DatabaseKind:
    text = value.text()
    known = tuple(kind.value for kind in DatabaseKind)
    if text not in known:
        raise value.place.no_such(
            f"dtx can't bring up a database of kind {shown(text)}", text, known
        )
    return DatabaseKind(text)


def _observe(table: Table) -> Mapping[Shape, str]:
    table.refuse("prepared", "dtx reads prepared transactions itself: leave it out")
    found: dict[Shape, str] = {}
    with table:
        for shape in OBSERVED:
            sql = table.get(shape.value)
            if sql is not None:
                found[shape] = sql.text()
    return found
