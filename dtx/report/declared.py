"""What the system's file said when a run was recorded, for a report of a plan that nothing has looked through.

`dtx show` tells a run whose plan may be damaged; only `dtx check` reads the system in it as it reads a file.
"""

from collections.abc import Mapping

from dtx.core.run_folder import Plan


def declared(plan: Plan, *path: str) -> object:
    """Return the value at a path of keys in the system's tables; None if there is none, or no table on the way."""
    value: object = plan.system
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def declared_texts(plan: Plan, *path: str) -> list[str]:
    """Return the texts of the list at a path."""
    value = declared(plan, *path)
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
