"""Commands whose further options come from a system's file: they complete these too."""

from dataclasses import dataclass
from typing import Any

from typer.core import TyperCommand

from dtx.cli.completion import own_options


@dataclass(frozen=True, slots=True)
class _Item:
    """One completion, as the library's formatters read it; its own class is none of its public names."""

    value: str
    type: str = "plain"
    help: str | None = None


class SystemCommand(TyperCommand):
    """A command with a system's own options behind the system's name."""

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Return the command's own options, and those of the system that was named or their values."""
        own = [_Item(value) for value in own_options(ctx, incomplete)]
        return [*super().shell_complete(ctx, incomplete), *own]
