"""What a file offers besides its base: variants, options and workloads, each an overlay with a name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dtx.config.model import Option, Variant
from dtx.config.overlay import OVERLAID
from dtx.config.place import shown
from dtx.config.table import Table, Value

CHECKERS = (
    "atomicity",
    "durability",
    "no-phantom",
    "exactly-once",
    "conservation",
    "convergence",
    "residue",
    "compensation",
    "isolation",
    "death",
)
"""The checkers that a variant may say it breaks; dtx.verify has one module for each."""

VARIANT_KEYS = ("title", "bug", "breaks", "exposed_by")
"""The keys of a variant that are about it; the others are its overlay."""

OFFERS = ("options", "workloads", "variants")
"""The sections that declare overlays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """Variants, workloads and options of one file, by name."""

    variants: Mapping[str, Variant]
    workloads: tuple[str, ...]
    options: Mapping[str, Option]


def parse_offers(top: Table) -> Offers:
    """Read the declarations; overlays are looked at only so far as to refuse sections that none may have.

    Raises:
        ConfigError: a declaration is wrong.
    """
    variants = {name: _variant(name, value) for name, value in top.section("variants").named()}
    options = {name: _option(name, value) for name, value in top.section("options").named()}
    workloads = dict(top.section("workloads").named())
    for value in workloads.values():
        _check_overlay(value.table())
    return Offers(variants=variants, workloads=tuple(workloads), options=options)


def _variant(name: str, value: Value) -> Variant:
    table = value.table()
    title, bug = table.get("title"), table.get("bug")
    variant = Variant(
        name=name,
        title=title.text() if title else "",
        bug=bug.text() if bug else "",
        breaks=tuple(_distinct(table.need("breaks"), CHECKERS)),
        exposed_by=tuple(_distinct(table.need("exposed_by"))),
    )
    if not _check_overlay(table):
        raise table.place.error("it changes nothing, so it can break nothing")
    return variant


def _distinct(value: Value, allowed: tuple[str, ...] | None = None) -> Iterator[str]:
    seen: set[str] = set()
    for item in value.filled_array():
        text = item.text()
        if allowed and text not in allowed:
            raise item.place.no_such(f"there is no checker {shown(text)}", text, allowed)
        if text in seen:
            raise item.place.error(f"{shown(text)} stands here twice")
        seen.add(text)
        yield text


def _option(name: str, value: Value) -> Option:
    with value.table() as table:
        default = table.need("default").name()
        overlays = dict(table.section("values").named())
    for overlay in overlays.values():
        _check_overlay(overlay.table())
    values = tuple(dict.fromkeys((default, *overlays)))
    return Option(name=name, default=default, values=values)


def _check_overlay(table: Table) -> bool:
    """Refuse sections that no overlay may have; return whether there is any that it may."""
    with table:
        sections = [table.get(section) for section in OVERLAID]
    return any(section is not None for section in sections)
