"""The options that a system's own file declares: `--transport kafka`, `--transport=kafka`."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import typer

from dtx.cli.usage_words import near_word
from dtx.core.errors import UsageError

if TYPE_CHECKING:
    from dtx.config.model import Option


def read_options(
    words: Sequence[str], options: "Mapping[str, Option]", own: Collection[str]
) -> dict[str, str]:
    """Return option -> value from the words that the command itself did not know.

    Args:
        words: what was left over, in order.
        options: what the system's file declares.
        own: the command's own options (`--fault`), to suggest them too.

    Raises:
        UsageError: a word is no option, an option is unknown, has no value, a wrong one, or stands twice.
    """
    chosen: dict[str, str] = {}
    rest = list(words)
    while rest:
        flag, has_value, value = rest.pop(0).partition("=")
        if not flag.startswith("--"):
            raise UsageError(
                f"one word too many: {flag!r}",
                hint="options of the system stand behind its name, each with a value: --transport kafka",
            )
        name = flag.removeprefix("--")
        if name not in options:
            raise _unknown(flag, options, own)
        if not has_value:
            if not rest or rest[0].startswith("--"):
                raise UsageError(
                    f"{flag} needs a value", hint=f"one of: {', '.join(options[name].values)}"
                )
            value = rest.pop(0)
        if name in chosen:
            raise UsageError(f"{flag} is given twice", hint="leave one of them out")
        if value not in options[name].values:
            raise UsageError(
                f"{flag}: there is no value {value!r}",
                hint=near_word(value, options[name].values)
                or f"one of: {', '.join(options[name].values)}",
            )
        chosen[name] = value
    return chosen


def own_flags(context: typer.Context) -> tuple[str, ...]:
    """Return the long options of the command that runs."""
    return tuple(
        flag for parameter in context.command.params for flag in parameter.opts if flag[:2] == "--"
    )


def _unknown(flag: str, options: "Mapping[str, Option]", own: Collection[str]) -> UsageError:
    declared = [f"--{name}" for name in options]
    if near := near_word(flag, [*declared, *own]):
        hint = near
    elif declared:
        hint = f"the system's own options: {', '.join(declared)}"
    else:
        hint = "this system declares no options of its own"
    return UsageError(f"there is no option {flag}", hint=hint)
