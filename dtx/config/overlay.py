"""Overlays: the same keys again, merged over the base; workloads, options and variants are nothing else.

Tables are merged key by key, every other value replaces what stood there, arrays whole. `{ remove = true }`
removes a key; it must have been there, in the base or before an earlier overlay removed it.
"""

from collections.abc import Mapping, MutableSet
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
    removed: MutableSet[Path],
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
            merged[key] = apply(below, value, at, removed=removed, path=here)
        else:
            merged[key] = deepcopy(value)
    return merged


def _is_removal(value: Any) -> bool:
    # `is True`, since 1 == True and a whole number is no flag.
    return isinstance(value, Mapping) and len(value) == 1 and value.get("remove") is True
