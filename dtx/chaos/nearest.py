"""Errors for names that do not exist: they say which name was probably meant."""

from collections.abc import Iterable

from dtx.config.place import did_you_mean
from dtx.core.errors import UsageError

LONGEST_LIST = 12


def unknown(what: str, name: str, known: Iterable[str]) -> UsageError:
    """Return the error for `name`, which is none of `known`."""
    names = list(dict.fromkeys(known))
    listed = f"there is: {', '.join(names[:LONGEST_LIST])}" if names else "there is none"
    if len(names) > LONGEST_LIST:
        listed += ", ..."
    return UsageError(f"no {what} named {name!r}", hint=did_you_mean(name, names) or listed)
