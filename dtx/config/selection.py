"""From a file's tables and the overlays that were chosen to the resolved tables."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from dtx.config.model import Selection
from dtx.config.offers import VARIANT_KEYS, Offers, parse_offers
from dtx.config.overlay import Path, apply
from dtx.config.place import Place, shown
from dtx.config.table import Table

Overlay = tuple[tuple[str, ...], Mapping[str, Any]]


def resolve(tables: Mapping[str, Any], selection: Selection, *, source: str) -> dict[str, Any]:
    """Return the tables with workload, options (their defaults too) and variant merged over the base, in this order.

    The declarations stay in them, so that they say what else could have been chosen.

    Raises:
        ConfigError: a chosen name does not exist, or an overlay does not fit the base.
    """
    place = Place(source)
    offers = parse_offers(Table(place, tables))
    _check(selection, offers, place)
    resolved = deepcopy(dict(tables))
    removed: set[Path] = set()
    for keys, overlay in _chosen(tables, selection, offers):
        resolved = apply(resolved, overlay, Place(source, keys), removed=removed)
    return resolved


def describe(selection: Selection, source: str) -> str:
    """Return the file's name with what was chosen from it, for errors about the merged tables."""
    chosen = [f"workload {selection.workload}"] if selection.workload else []
    chosen += [f"{name} {value}" for name, value in selection.options.items()]
    chosen += [f"variant {selection.variant}"] if selection.variant else []
    return f"{source} ({', '.join(chosen)})" if chosen else source


def _check(selection: Selection, offers: Offers, place: Place) -> None:
    for kind, name, known in (
        ("workload", selection.workload, offers.workloads),
        ("variant", selection.variant, tuple(offers.variants)),
    ):
        if name is not None and name not in known:
            raise place.no_such(f"there is no {kind} {shown(name)}", name, known)
    for name, value in selection.options.items():
        if name not in offers.options:
            raise place.no_such(f"there is no option {shown(name)}", name, offers.options)
        values = offers.options[name].values
        if value not in values:
            raise (
                place.at("options")
                .at(name)
                .no_such(f"there is no value {shown(value)}", value, values)
            )


def _chosen(tables: Mapping[str, Any], selection: Selection, offers: Offers) -> Iterator[Overlay]:
    if selection.workload is not None:
        yield ("workloads", selection.workload), tables["workloads"][selection.workload]
    for name, option in offers.options.items():
        value = selection.options.get(name, option.default)
        overlays = tables["options"][name].get("values", {})
        if value in overlays:
            yield ("options", name, "values", value), overlays[value]
    if selection.variant is not None:
        variant = tables["variants"][selection.variant]
        overlay = {key: value for key, value in variant.items() if key not in VARIANT_KEYS}
        yield ("variants", selection.variant), overlay
