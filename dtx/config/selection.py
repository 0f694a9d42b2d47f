"""From a file's tables and the overlays that were chosen to the resolved tables."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from dtx.config.model import Selection, Variant
from dtx.config.offers import VARIANT_KEYS, WORKLOAD_KEYS, Offers, parse_offers
from dtx.config.overlay import Path, apply
from dtx.config.place import Place, shown
from dtx.config.table import Table
from dtx.core.errors import ConfigError

Overlay = tuple[tuple[str, ...], Mapping[str, Any]]


def complete(tables: Mapping[str, Any], selection: Selection, *, source: str) -> Selection:
    """Return the selection with the workload that its variant belongs to, None if that is the base.

    Raises:
        ConfigError: a chosen name does not exist, or the variant belongs to another workload.
    """
    place = Place(source)
    offers = parse_offers(Table(place, tables))
    _check(selection, offers, place)
    workload = offers.overlay(selection.workload)
    if selection.variant is not None:
        variant = offers.variants[selection.variant]
        if selection.workload is not None and not variant.fits(workload):
            raise _elsewhere(variant, offers, place)
        workload = variant.workload if variant.is_bound else workload
    return replace(selection, workload=workload)


def resolve(tables: Mapping[str, Any], selection: Selection, *, source: str) -> dict[str, Any]:
    """Return the tables with workload, options (their defaults too) and variant merged over the base, in this order.

    The declarations stay in them, so that they say what else could have been chosen.

    Raises:
        ConfigError: a chosen name does not exist, or an overlay does not fit the base.
    """
    offers = parse_offers(Table(Place(source), tables))
    chosen = complete(tables, selection, source=source)
    resolved = deepcopy(dict(tables))
    removed: set[Path] = set()
    for keys, overlay in _chosen(tables, chosen, offers):
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
        ("workload", selection.workload, tuple(offers.workloads)),
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


def _elsewhere(variant: Variant, offers: Offers, place: Place) -> ConfigError:
    workload = variant.workload or offers.base
    return (
        place.at("variants")
        .at(variant.name)
        .error(
            f"it is a variant of the workload {shown(workload)}",
            hint=f"--workload {workload}, or no --workload at all",
        )
    )


def _chosen(tables: Mapping[str, Any], selection: Selection, offers: Offers) -> Iterator[Overlay]:
    if selection.workload is not None:
        workload = tables["workloads"][selection.workload]
        yield ("workloads", selection.workload), _overlay_of(workload, WORKLOAD_KEYS)
    for name, option in offers.options.items():
        value = selection.options.get(name, option.default)
        overlays = tables["options"][name].get("values", {})
        if value in overlays:
            yield ("options", name, "values", value), overlays[value]
    if selection.variant is not None:
        variant = tables["variants"][selection.variant]
        yield ("variants", selection.variant), _overlay_of(variant, VARIANT_KEYS)


def _overlay_of(table: Mapping[str, Any], about_it: tuple[str, ...]) -> Mapping[str, Any]:
    return {key: value for key, value in table.items() if key not in about_it}
