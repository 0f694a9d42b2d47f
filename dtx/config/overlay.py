"""Overlays: the same keys again, merged over the base; workloads, options and variants are nothing else.

Tables are merged key by key, every other value replaces what stood there, arrays whole. A table with
`replace = true` takes the place of the table that stood there, whole. `{ remove = true }` removes a key; it must
have been there, in the base or before an earlier overlay removed it.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from dtx.config.place import Place

Path = tuple[str, ...]

OVERLAID = ("databases", "workers", "client", "readers", "contract")
"""The sections that an overlay may change."""


def apply(
    tables: Mapping[str, Any],
    overlay: Mapping[str, Any],
    place: Place,
    *,
    removed: set[Path],
    path: Path = (),
) -> dict[str, Any]:
    """Return the tables with the overlay merged over them; `removed` collects what overlays took out.

    Raises:
        ConfigError: a key is to be removed that was never there.
    """
    merged = dict(tables)
    for key, value in overlay.items():
        here, at = (*path, key), place.at(key)
        if _is_removal(value):
            if key not in merged and here not in removed:
                raise at.error("there is nothing to remove")
            merged.pop(key, None)
            removed.add(here)
        elif isinstance(value, Mapping):
            under = merged.get(key)
            below = under if isinstance(under, Mapping) else {}
            if _is_replacement(value):
                removed |= _paths(below, here)
                below = {}
            merged[key] = apply(below, _without_mark(value), at, removed=removed, path=here)
        else:
            merged[key] = deepcopy(value)
    return merged


def _is_replacement(value: Mapping[str, Any]) -> bool:
    return value.get("replace") is True


def _without_mark(value: Mapping[str, Any]) -> Mapping[str, Any]:
    return {k: v for k, v in value.items() if k != "replace"} if _is_replacement(value) else value


def _paths(table: Mapping[str, Any], path: Path) -> set[Path]:
    """Return the paths of all that stands in the table, at any depth."""
    found: set[Path] = set()
    for key, value in table.items():
        found.add((*path, key))
        if isinstance(value, Mapping):
            found |= _paths(value, (*path, key))
    return found


def _is_removal(value: Any) -> bool:
    # `is True`, since 1 == True and a whole number is no flag.
    return isinstance(value, Mapping) and len(value) == 1 and value.get("remove") is True
