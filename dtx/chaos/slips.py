"""Scopes and arguments that are right elsewhere, or were right until the shell read them: errors that say what happened."""

from dtx.chaos.scope import ARROW, inner_links
from dtx.chaos.spec import Spec
from dtx.config.model import System
from dtx.core.errors import UsageError

_EACH = "each"
_CUT_ARROW = "-"


def refuse_slips(spec: Spec, system: System) -> None:
    """Refuse a scope of which the shell took the end, and `each`, which makes many runs.

    Raises:
        UsageError: with what to write instead.
    """
    if spec.scope and spec.scope.endswith(_CUT_ARROW):
        raise _cut_by_the_shell(spec, spec.scope.removesuffix(_CUT_ARROW), system)
    if _EACH in (spec.scope, spec.argument) and _EACH not in system.nodes:
        raise UsageError(
            f"{_EACH} makes one run for each that there is, which only `dtx matrix` does",
            hint=f"dtx matrix {system.name} --fault {spec.text}; in one run, name the one that is meant",
        )


def _cut_by_the_shell(spec: Spec, source: str, system: System) -> UsageError:
    head = spec.text.removesuffix(_CUT_ARROW)
    ours = [link for link in inner_links(system) if link.startswith(f"{source}{ARROW}")]
    whole = [f"'{head}{link.removeprefix(source)}'" for link in ours] or [f"'{head}{ARROW}NODE'"]
    return UsageError(
        f"@{spec.scope} is half a link: the shell took the > for a redirection, to a file",
        hint=f"quote it: {' or '.join(whole)}",
    )
