"""What a file offers besides its base: variants, options and workloads, each an overlay with a name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dtx.config.model import Option, Variant, Workload
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

VARIANT_KEYS = ("title", "bug", "workload", "breaks", "exposed_by")
"""The keys of a variant that are about it; the others are its overlay."""

WORKLOAD_KEYS = ("title",)
"""The keys of a workload that are about it."""

SECTIONS = ("system", *OVERLAID, "options", "workloads", "variants")
"""All that a file may have at its top."""

OFFERS = ("options", "workloads", "variants")
"""The sections that declare overlays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """[system].

    Attributes:
        title: one line.
        workload: the name of the workload that the base is.
        setup: the command that is to be done once before it can run; empty: none.
    """

    title: str
    workload: str | None
    setup: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """Variants, workloads and options of one file, by name; `base` is the workload that needs no overlay."""

    variants: Mapping[str, Variant]
    workloads: Mapping[str, Workload]
    base: str | None
    options: Mapping[str, Option]

    def overlay(self, workload: str | None) -> str | None:
        """Return the workload if it is an overlay, None if it is the base."""
        return None if workload == self.base else workload


def parse_offers(top: Table) -> Offers:
    """Read the declarations; overlays are looked at only so far as to refuse sections that none may have.

    Raises:
        ConfigError: a declaration is wrong.
    """
    heading = parse_heading(top)
    workloads = dict(_workloads(top, heading))
    variants = {
        name: _variant(name, value, workloads, heading.workload)
        for name, value in top.section("variants").named()
    }
    options = {name: _option(name, value) for name, value in top.section("options").named()}
    return Offers(variants=variants, workloads=workloads, base=heading.workload, options=options)


def parse_heading(top: Table) -> Heading:
    """Read [system]."""
    with top.need("system", among=SECTIONS).table() as table:
        workload, setup = table.get("workload"), table.get("setup")
        return Heading(
            title=table.need("title").text(),
            workload=workload.name() if workload else None,
            setup=setup.text() if setup else "",
        )


def _workloads(top: Table, heading: Heading) -> Iterator[tuple[str, Workload]]:
    section = dict(top.section("workloads").named())
    if heading.workload and heading.workload not in section:
        yield heading.workload, Workload(name=heading.workload, title=heading.title)
    for name, value in section.items():
        table = value.table()
        title = table.get("title")
        if name == heading.workload:
            with table:  # the base as it is: nothing else may stand here
                pass
        else:
            _check_overlay(table)
        yield name, Workload(name=name, title=title.text() if title else "")


def _variant(
    name: str, value: Value, workloads: Mapping[str, Workload], base: str | None
) -> Variant:
    table = value.table()
    title, bug, workload = table.get("title"), table.get("bug"), table.get("workload")
    if workload and workload.text() not in workloads:
        raise workload.place.no_such(
            f"there is no workload {shown(workload.raw)}", workload.text(), workloads
        )
    variant = Variant(
        name=name,
        title=title.text() if title else "",
        bug=bug.text() if bug else "",
        workload=workload.text() if workload and workload.raw != base else None,
        is_bound=workload is not None or base is not None,
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
