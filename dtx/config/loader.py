"""From a system's folder to a System: read the file, apply what was chosen, parse, look for its files."""

from dataclasses import dataclass
from pathlib import Path

from dtx.config.model import Selection, System
from dtx.config.offers import Offers, parse_heading, parse_offers
from dtx.config.place import Place, shown
from dtx.config.selection import complete, describe, resolve
from dtx.config.system import parse_system
from dtx.config.table import Table
from dtx.config.toml_file import FILE_NAME, read_toml

BASE = Selection()
"""Nothing chosen: the base with the options' defaults."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a system's file offers, without resolving it: enough for lists and completion."""

    title: str
    offers: Offers


def load_system(folder: Path, selection: Selection = BASE) -> System:
    """Read `folder`/system.toml with the overlays of the selection applied.

    Raises:
        ConfigError: the file can't be read or is wrong, or the selection names what it does not have.
    """
    file = folder / FILE_NAME
    read = read_toml(file)
    chosen = complete(read, selection, source=str(file))
    tables = resolve(read, chosen, source=str(file))
    home = folder.resolve()
    source = describe(chosen, str(file))
    system = parse_system(
        tables, name=home.name, folder=home, source=source, workload=chosen.workload
    )
    _check_files(system, Place(source, ("databases",)))
    return system


def declared(folder: Path) -> Declared:
    """Read only what `folder`/system.toml offers; the rest of it may be wrong.

    Raises:
        ConfigError: the file can't be read, or a declaration is wrong.
    """
    file = folder / FILE_NAME
    top = Table(Place(str(file)), read_toml(file))
    return Declared(title=parse_heading(top).title, offers=parse_offers(top))


def _check_files(system: System, place: Place) -> None:
    for database in system.databases.values():
        if database.schema is not None and not _is_file(database.schema):
            raise (
                place.at(database.name)
                .at("schema")
                .error(
                    f"there is no file {shown(str(database.schema))}",
                    hint=f"paths are relative to the folder of {FILE_NAME}",
                )
            )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name longer than the file system takes
        return False
